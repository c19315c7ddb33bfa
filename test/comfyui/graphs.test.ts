/** A real ComfyUI behind the product: graphs of the client's own, with models, input files and files of other kinds. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectFile } from '../../src/activities/output-inspector.ts';
import type { Graph } from '../../src/domain/graphs/graph.ts';
import { fetchSlot, graphJob, runJob, slotsOf } from '../support/run-job.ts';
import type { TestStack } from '../support/stack.ts';
import { readRealServer, startRealStack } from './real-server.ts';

const server = readRealServer(process.env);
const MODEL = 'urn:air:sd1:checkpoint:civitai:900001@900001';
const EMBEDDING = 'urn:air:sd1:embedding:civitai:900003@900003';
const RESOURCES = [
  { air: MODEL, type: 'Checkpoint', fileName: server.checkpoint },
  { air: EMBEDDING, type: 'TextualInversion', fileName: server.embedding },
];

let stack: TestStack;
beforeAll(async () => {
  stack = await startRealStack(server);
  for (const resource of RESOURCES)
    await fetch(`${stack.url}/v2/resources`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...resource, modelName: 'tiny' }),
    });
});
afterAll(() => stack.stop());

const text = (words: string): Graph[string] => ({
  class_type: 'CLIPTextEncode',
  inputs: { text: words, clip: ['lora', 1] },
});

const drawing = (negative: string): Graph => ({
  model: { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: '@civitai/900001' } },
  lora: {
    class_type: 'LoraLoader',
    inputs: {
      ...{ lora_name: server.lora, strength_model: 1, strength_clip: 1 },
      ...{ model: ['model', 0], clip: ['model', 1] },
    },
  },
  positive: text('a red fox'),
  negative: text(negative),
  latent: { class_type: 'EmptyLatentImage', inputs: { width: 64, height: 64, batch_size: 2 } },
  sampler: {
    class_type: 'KSampler',
    inputs: {
      ...{ seed: 42, steps: 2, cfg: 7, sampler_name: 'euler', scheduler: 'normal', denoise: 1 },
      ...{ model: ['lora', 0], positive: ['positive', 0], negative: ['negative', 0] },
      latent_image: ['latent', 0],
    },
  },
  image: { class_type: 'VAEDecode', inputs: { samples: ['sampler', 0], vae: ['model', 2] } },
  websocket: { class_type: 'SaveImageWebsocket', inputs: { images: ['image', 0] } },
  preview: { class_type: 'PreviewImage', inputs: { images: ['image', 0] } },
});

const frames: Graph = {
  frames: {
    class_type: 'EmptyImage',
    inputs: { width: 64, height: 48, batch_size: 4, color: 200 },
  },
  video: { class_type: 'CreateVideo', inputs: { images: ['frames', 0], fps: 4 } },
  save: {
    class_type: 'SaveVideo',
    inputs: { video: ['video', 0], filename_prefix: '../clip', format: 'mp4', codec: 'h264' },
  },
};

describe('on the real ComfyUI', () => {
  it('AIRs, embeddings and files are found, and pictures of every output node come back', async () => {
    const slots = slotsOf(await runJob(stack.url, graphJob(drawing(`embedding:${EMBEDDING}, x`))));
    expect(slots.map(({ nodeId }) => nodeId)).toEqual([
      ...['websocket', 'websocket', 'preview', 'preview'],
    ]);
    const [plain] = slotsOf(await runJob(stack.url, graphJob(drawing('x'))));
    const pixels = await Promise.all(
      [slots[0], slots[2], plain].map((slot) => fetchSlot(slot ?? {})),
    );
    for (const bytes of pixels) expect(inspectFile('x', bytes)).toMatchObject({ width: 64 });
  });

  it('a video comes back, and goes in again by its key; its frames are pictures', async () => {
    const [clip] = slotsOf(await runJob(stack.url, graphJob(frames)));
    expect(clip).toMatchObject({ nodeId: 'save', name: 'clip_00001_.mp4' });
    expect(inspectFile('x', await fetchSlot(clip ?? {})).contentType).toBe('video/mp4');
    const again = await runJob(
      stack.url,
      graphJob({
        load: { class_type: 'LoadVideo', inputs: { file: clip?.blobKey } },
        parts: { class_type: 'GetVideoComponents', inputs: { video: ['load', 0] } },
        save: { class_type: 'SaveImage', inputs: { images: ['parts', 0], filename_prefix: 'f' } },
      }),
    );
    expect(slotsOf(again)).toHaveLength(4);
    expect(slotsOf(again)[0]).toMatchObject({ width: 64, height: 48, name: 'f_00001_.png' });
  });

  it('a picture of another job is transformed', async () => {
    const [source] = slotsOf(await runJob(stack.url, graphJob(drawing('y'))));
    const blobKey = source?.blobKey;
    const [edges] = slotsOf(
      await runJob(stack.url, { $type: 'imageTransform', transformer: 'Canny', blobKey }),
    );
    expect(edges).toMatchObject({ width: 64, height: 64 });
  });

  it('a graph that it refuses ends the job with its reasons', async () => {
    const { lastEvent } = await runJob(
      stack.url,
      graphJob({
        a: {
          class_type: 'EmptyImage',
          inputs: { width: 'wide', height: 8, batch_size: 1, color: 0 },
        },
        b: { class_type: 'SaveImage', inputs: { images: ['a', 0], filename_prefix: 'x' } },
      }),
    );
    expect(lastEvent).toMatchObject({ type: 'Failed', context: { error_code: 'graph_refused' } });
    expect(lastEvent.context['error_message']).toMatch(/node a EmptyImage, input width/);
  });
});
