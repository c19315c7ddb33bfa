/** What is said of a picture, on a real ComfyUI: said where it has the nodes, refused with their names where not. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlobSlot } from '../../src/contract/v1/blob-slot.ts';
import { createBitmap } from '../../src/executors/simulator/picture/bitmap.ts';
import { encodePng } from '../../src/executors/simulator/picture/encode-png.ts';
import { postJobs, untilState } from '../support/jobs.ts';
import { servePictures, type PictureServer } from '../support/picture-server.ts';
import type { TestStack } from '../support/stack.ts';
import { readRealServer, startRealStack, urlsOf } from './real-server.ts';

const server = readRealServer(process.env);

const TYPES = [
  ['wdTagging', 'WD14Tagger|pysssss', 'mediaUrl', { model: 'wd14-vit.v1' }, 'tags'],
  ['mediaTagging', 'WD14Tagger|pysssss', 'mediaUrl', { modelId: 1 }, 'tags'],
  ['mediaCaptioning', 'Florence2Run', 'mediaUrl', {}, 'caption'],
  ['imageEmbedding', 'OutputEmbedding', 'imageUrl', {}, 'embedding'],
] as const;

describe('what the real ComfyUI says of a picture', () => {
  let stack: TestStack;
  let pictures: PictureServer;
  let classes: readonly string[];
  beforeAll(async () => {
    pictures = await servePictures({ 'a.png': await encodePng(createBitmap(64, 64, [200, 9, 9])) });
    stack = await startRealStack(server);
    const { http, headers } = urlsOf(server);
    const info = await fetch(new URL('object_info', http), { headers });
    classes = Object.keys((await info.json()) as object);
  });
  afterAll(async () => {
    await stack.stop();
    await pictures.close();
  });

  it.each(TYPES)('%s: by %s', async ($type, nodeClass, field, fields, key) => {
    const job = { $type, ...fields, [field]: pictures.urlOf('a.png') };
    const posted = await postJobs(stack.url, job);
    if (!classes.includes(nodeClass)) {
      expect(posted.status, posted.text).toBe(400);
      expect(posted.text).toContain(nodeClass);
      return;
    }
    expect(posted.status, posted.text).toBe(202);
    const [jobId = ''] = posted.jobIds;
    await untilState(stack, jobId, 'succeeded', 280_000);
    const response = await fetch(`${stack.url}/v1/consumer/jobs/${jobId}`);
    const { result } = (await response.json()) as { result: BlobSlot };
    expect(result).toMatchObject({ available: true, [key]: expect.anything() as unknown });
    const file: unknown = await (await fetch(result.blobUrl ?? '')).json();
    expect(file).toMatchObject({ [key]: result[key] });
  });
});
