/** A LoRA trained over the API, from an archive of two pictures to the file. */
import { expect } from 'vitest';
import type { BlobSlot } from '../../src/contract/v1/blob-slot.ts';
import { createBitmap } from '../../src/executors/simulator/picture/bitmap.ts';
import { encodePng } from '../../src/executors/simulator/picture/encode-png.ts';
import { makeZip } from '../fixtures/make-zip.ts';
import { postJobs, untilState } from './jobs.ts';
import { servePictures } from './picture-server.ts';
import type { TestStack } from './stack.ts';

/** The archive as Civitai's clients make one. */
const trainingArchive = async (): Promise<Buffer> =>
  makeZip([
    { name: 'b.png', data: await encodePng(createBitmap(80, 64, [200, 30, 30])), method: 0 },
    { name: 'b.txt', data: Buffer.from('a red wall'), method: 8 },
    { name: 'a.png', data: await encodePng(createBitmap(64, 96, [30, 30, 200])), method: 8 },
  ]);

/** Trains for this checkpoint (AIR) and returns the result and the names of the tensors of its file. */
export async function trained(
  stack: TestStack,
  model: string,
  patienceMs: number,
): Promise<{ readonly result: BlobSlot; readonly tensors: readonly string[] }> {
  const files = await servePictures({ 'data.zip': await trainingArchive() });
  try {
    const params = { maxTrainEpochs: 1, numRepeats: 1, resolution: 64, networkDim: 4 };
    const posted = await postJobs(stack.url, {
      ...{ $type: 'imageResourceTraining', model, params },
      trainingData: files.urlOf('data.zip'),
    });
    expect(posted.status, posted.text).toBe(202);
    const [jobId = ''] = posted.jobIds;
    await untilState(stack, jobId, 'succeeded', patienceMs);
    const answer = await fetch(`${stack.url}/v1/consumer/jobs/${jobId}`);
    const { result } = (await answer.json()) as { result: BlobSlot };
    const file = Buffer.from(await (await fetch(result.blobUrl ?? '')).arrayBuffer());
    expect(result.epochs).toEqual([
      {
        ...{ epochNumber: 1, blobName: result.blobKey, blobSize: file.length, sampleImages: [] },
        blobUrl: result.blobUrl,
      },
    ]);
    const end = 8 + Number(file.readBigUInt64LE());
    const header = JSON.parse(file.toString('utf8', 8, end)) as object;
    return { result, tensors: Object.keys(header) };
  } finally {
    await files.close();
  }
}
