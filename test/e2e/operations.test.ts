/** Pictures that start from pictures, are drawn twice or guided by others: from POST to file, on the simulator. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlobSlot } from '../../src/contract/v1/blob-slot.ts';
import { createBitmap } from '../../src/executors/simulator/picture/bitmap.ts';
import { encodePng } from '../../src/executors/simulator/picture/encode-png.ts';
import { postJobs, SD1, untilState } from '../support/jobs.ts';
import { operationCases } from '../support/operation-cases.ts';
import { servePictures, type PictureServer } from '../support/picture-server.ts';
import { untilServerKnown } from '../support/server-known.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { trained } from '../support/training-case.ts';

const SDXL = 'urn:air:sdxl:checkpoint:civitai:101055@128078';
const FLUX = 'urn:air:flux1:checkpoint:civitai:618692@691639';
const REFINED = {
  refiner: { model: 'urn:air:sdxl:checkpoint:civitai:101055@126613' },
  hires: { scale: 1.5 },
};

describe('operations of the simulator', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startTestStack({ env: { OUTGOING_ALLOW: '127.0.0.1' } });
    await untilServerKnown(stack);
  });
  afterAll(() => stack.stop());

  operationCases(() => ({
    url: stack.url,
    model: SD1,
    lora: 'urn:air:sd1:lora:civitai:58390@62833',
    upscaler: 'urn:air:other:upscaler:civitai:147759@164821',
    patienceMs: 60_000,
  }));

  it.each([
    ['SDXL with ControlNet, refiner and hires fix', SDXL, [96, 96], REFINED],
    ['Flux with a ControlNet', FLUX, [64, 64], {}],
  ] as const)('%s are drawn too', async (_what, model, size, params) => {
    const file = await encodePng(createBitmap(64, 64, [200, 30, 30]));
    const pictures = await servePictures({ 'a.png': file });
    const posted = await postJobs(stack.url, {
      ...{ $type: 'textToImage', model },
      params: { prompt: 'a fox', width: 64, height: 64, steps: 4, ...params },
      controlNets: [{ preprocessor: 'Canny', imageUrl: pictures.urlOf('a.png') }],
    });
    expect(posted.status, posted.text).toBe(202);
    const row = await untilState(stack, posted.jobIds[0] ?? '', 'succeeded');
    await pictures.close();
    expect(row.outputs).toMatchObject([{ width: size[0], height: size[1] }]);
  });

  it('a LoRA is trained from an archive of pictures, and its file is the result', async () => {
    const { result, tensors } = await trained(stack, SD1, 60_000);
    expect(result).toMatchObject({
      blobKey: expect.stringMatching(/\.bin$/) as string,
      available: true,
    });
    expect(tensors).toEqual(['lora_up.weight']);
  });

  describe('what is said of a picture', () => {
    let pictures: PictureServer;
    beforeAll(async () => {
      const [one, other] = await Promise.all([
        encodePng(createBitmap(64, 64, [200, 30, 30])),
        encodePng(createBitmap(64, 64, [30, 30, 200])),
      ]);
      pictures = await servePictures({ 'a.png': one, 'b.png': other });
    });
    afterAll(() => pictures.close());

    /** `result` of a job of this type, after it has succeeded. */
    const said = async (job: Readonly<Record<string, unknown>>): Promise<BlobSlot> => {
      const posted = await postJobs(stack.url, job);
      expect(posted.status, posted.text).toBe(202);
      const [jobId = ''] = posted.jobIds;
      await untilState(stack, jobId, 'succeeded');
      return readResult(jobId);
    };
    const readResult = async (jobId: string): Promise<BlobSlot> => {
      const response = await fetch(`${stack.url}/v1/consumer/jobs/${jobId}`);
      return ((await response.json()) as { result: BlobSlot }).result;
    };

    it.each([
      ['wdTagging', { model: 'wd14-vit.v1' }, 'mediaUrl', 'tags'],
      ['mediaTagging', { modelId: 7 }, 'mediaUrl', 'tags'],
      ['mediaCaptioning', {}, 'mediaUrl', 'caption'],
      ['imageEmbedding', {}, 'imageUrl', 'embedding'],
    ] as const)('%s answers it, as a file too, by the picture', async ($type, fields, url, key) => {
      const job = { $type, ...fields };
      const first = await said({ ...job, [url]: pictures.urlOf('a.png') });
      const other = await said({ ...job, [url]: pictures.urlOf('b.png') });
      expect(first).toMatchObject({ available: true, [key]: expect.anything() as unknown });
      expect(first[key]).not.toEqual(other[key]);
      const file: unknown = await (await fetch(first.blobUrl ?? '')).json();
      const { embeddingModel } = first;
      expect(file).toEqual({ [key]: first[key], ...(embeddingModel ? { embeddingModel } : {}) });
    });

    it('has fewer tags the higher the threshold, and no pictures in the consumption', async () => {
      const consumed = async (): Promise<{ images: number; totalCost: number }> => {
        const response = await fetch(`${stack.url}/v1/consumer/consumption`);
        return (await response.json()) as { images: number; totalCost: number };
      };
      const before = await consumed();
      const countOf = async (threshold: number): Promise<number> => {
        const mediaUrl = pictures.urlOf('a.png');
        const job = { $type: 'wdTagging', model: 'wd-vit-tagger-v3', mediaUrl, threshold };
        const { tags = {} } = await said(job);
        expect(Object.values(tags).every((least) => least === threshold)).toBe(true);
        return Object.keys(tags).length;
      };
      expect(await countOf(0.9)).toBeLessThan(await countOf(0));
      const { images, totalCost } = await consumed();
      expect(images).toBe(before.images);
      expect(totalCost).toBeCloseTo(before.totalCost + 0.2, 4);
    });

    it('is gone from the result with its file', async () => {
      const mediaUrl = pictures.urlOf('a.png');
      const posted = await postJobs(stack.url, { $type: 'mediaCaptioning', mediaUrl });
      const [jobId = ''] = posted.jobIds;
      await untilState(stack, jobId, 'succeeded');
      const cleared = await postJobs(stack.url, { $type: 'clearAssets', jobId });
      await untilState(stack, cleared.jobIds[0] ?? '', 'succeeded');
      const { blobKey, ...rest } = await readResult(jobId);
      expect(blobKey).toMatch(/\.json$/);
      expect(rest).toEqual({ available: false });
    });
  });
});
