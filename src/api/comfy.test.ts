import { describe, expect, it } from 'vitest';
import type { FleetServer } from '../domain/fleet.ts';
import { JOBS, read, submitted } from './job-calls.test-support.ts';
import { refusedBy } from './refused.test-support.ts';
import {
  blobRecord,
  createTestApi,
  SD1,
  SD1_LORA,
  SDXL,
  validJob,
  type TestApi,
} from './test-api.test-support.ts';

const SAVE = { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'x' } };
const LOAD = { class_type: 'LoadImage', inputs: { image: 'https://example.org/a.png' } };
const COPY = { 1: LOAD, 2: SAVE };
const EMBEDDING = 'urn:air:sd1:embedding:civitai:7808@9208';

const drawing = (model: string, text = 'a fox'): Record<string, unknown> => ({
  4: { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: model } },
  6: { class_type: 'CLIPTextEncode', inputs: { text, clip: ['4', 1] } },
  9: { class_type: 'PreviewAny', inputs: { source: ['6', 0] } },
});

const comfyJob = (workflow: unknown, change: Record<string, unknown> = {}) => ({
  $type: 'comfy',
  params: { workflow },
  ...change,
});

const server = (change: Partial<FleetServer> = {}): FleetServer => ({
  ...{ id: 'a', pool: 'default', room: 2, reachable: true, draining: false },
  ...{ ecosystems: null, vramBytes: null },
  lists: {
    files: { checkpoints: ['sd1/civitai/4384/128713.safetensors'], loras: [], embeddings: [] },
    nodeClasses: new Set([
      ...['CheckpointLoaderSimple', 'CLIPTextEncode', 'PreviewAny', 'LoraLoader'],
      ...['LoadImage', 'SaveImage', 'Canny'],
    ]),
  },
  ...change,
});

const rowOf = (api: TestApi) => [...api.orchestrator.rows.values()][0];

describe('a graph of the client', () => {
  it('is accepted with its models by canonical AIR, whatever spelling it names them in', async () => {
    const api = createTestApi();
    const text = `a fox, embedding:${EMBEDDING}`;
    await submitted(api, comfyJob(drawing('@civitai/128713', text), { quantity: 2 }));
    expect(api.orchestrator.rows.size).toBe(2);
    expect(rowOf(api)).toMatchObject({
      type: 'comfy',
      ecosystem: 'sd1',
      generation: {
        operation: 'comfy',
        graph: { nodes: 3 },
        classes: [{ name: 'CheckpointLoaderSimple', nodeId: '4' }, {}, {}],
        models: [
          { nodeId: '4', input: 'ckpt_name', air: SD1 },
          { nodeId: '6', input: 'text', air: EMBEDDING, isEmbedding: true },
        ],
      },
    });
    const [graph] = api.orchestrator.graphs.values();
    expect(JSON.parse(graph ?? '')).toMatchObject({ 4: { inputs: { ckpt_name: SD1 } } });
  });

  it('is shown with detailed=true, and before its end has no result', async () => {
    const api = createTestApi();
    const { collection } = await submitted(api, comfyJob(COPY), '?detailed=true');
    const [job] = collection.jobs;
    expect(job?.result).toEqual([]);
    expect(job?.job).toMatchObject({ Type: 'Comfy', params: { workflow: COPY } });
    const again = await read<{ job: unknown }>(
      await api.send('GET', `${JOBS}/${job?.jobId}?detailed=true`),
    );
    expect(again.job).toMatchObject({ params: { workflow: COPY } });
  });

  it('has its files in the result, with their names: an object for one, else a list in their order', async () => {
    const api = createTestApi();
    const { collection } = await submitted(api, comfyJob(COPY));
    const id = collection.jobs[0]?.jobId ?? '';
    const file = (name: string, nodeId: string) => ({
      ...{ blobKey: `${name}-key`, contentType: 'image/png', bytes: 1, name, nodeId },
    });
    const ended = { state: 'succeeded' as const, finishedAt: new Date() };
    api.orchestrator.update(id, { ...ended, outputs: [file('a.png', '2')] });
    const one = await read<{ result: unknown }>(await api.send('GET', `${JOBS}/${id}`));
    expect(one.result).toMatchObject({ blobKey: 'a.png-key', name: 'a.png', nodeId: '2' });
    api.orchestrator.update(id, { outputs: [file('a.png', '2'), file('b.mp4', '3')] });
    const two = await read<{ result: unknown }>(await api.send('GET', `${JOBS}/${id}`));
    expect(two.result).toMatchObject([{ name: 'a.png' }, { name: 'b.mp4', nodeId: '3' }]);
  });

  it.each<[string, unknown, string, RegExp]>([
    ['no graph', {}, 'params.workflow', /API format/],
    ['a graph without nodes', { workflow: {} }, 'params.workflow', /no nodes/],
    [
      'a link to a missing node',
      { workflow: { 2: SAVE } },
      'params.workflow["2"].inputs.images',
      /links to node "1", which the graph does not have/,
    ],
    [
      'a cycle',
      {
        workflow: {
          1: { class_type: 'ImageInvert', inputs: { image: ['2', 0] } },
          2: { class_type: 'ImageInvert', inputs: { image: ['1', 0] } },
        },
      },
      'params.workflow["1"]',
      /"1" → "2" → "1"/,
    ],
    [
      'no output node',
      { workflow: { 1: { class_type: 'LoadImage', inputs: { image: 'a.png' } } } },
      'params.workflow',
      /no node that gives a file back/,
    ],
    [
      'a URL of a private address',
      { workflow: { 1: { ...LOAD, inputs: { image: 'http://10.1.2.3/a.png' } }, 2: SAVE } },
      'params.workflow["1"].inputs.image',
      /private/,
    ],
    [
      "another tenant's stored file",
      {
        workflow: { 1: { ...LOAD, inputs: { image: '37V4ZT4W3C4SX6P5G7M9K2RQDA.png' } }, 2: SAVE },
      },
      'params.workflow["1"].inputs.image',
      /no stored file of yours/,
    ],
    [
      "another job's file on the server",
      { workflow: { 1: { ...LOAD, inputs: { image: 'x.png [output]' } }, 2: SAVE } },
      'params.workflow["1"].inputs.image',
      /input folder of the server/,
    ],
    [
      'a wrong AIR',
      { workflow: drawing('urn:air:sd1:checkpoint:civitai:4384@../../x') },
      'params.workflow["4"].inputs.ckpt_name',
      /not valid/,
    ],
    [
      'a model that is not in the catalogue',
      { workflow: drawing('@civitai/999999') },
      'params.workflow["4"].inputs.ckpt_name',
      /not in the catalogue/,
    ],
  ])('with %s is refused, naming the place', async (_what, params, path, message) => {
    const api = createTestApi();
    api.blobs.set(
      '37V4ZT4W3C4SX6P5G7M9K2RQDA.png',
      blobRecord('37V4ZT4W3C4SX6P5G7M9K2RQDA.png', 'bob'),
    );
    const problem = await refusedBy(api, { $type: 'comfy', params });
    expect(problem.status).toBe(400);
    expect(problem.errors?.[path]?.join(), JSON.stringify(problem.errors)).toMatch(message);
  });

  it.each<[string, unknown, string, RegExp]>([
    [
      'a node class that no server knows',
      { 1: LOAD, 7: { class_type: 'smZ Thing', inputs: {} }, 2: SAVE },
      'params.workflow["7"].class_type',
      /node 7: it does not know the node class smZ Thing/,
    ],
    [
      'a file that no server lists',
      drawing('sub/gone.safetensors'),
      'params.workflow["4"].inputs.ckpt_name',
      /node 4 \(CheckpointLoaderSimple\), input ckpt_name: the file "sub\/gone.safetensors"/,
    ],
    [
      'an AIR whose file no server lists',
      drawing(SDXL),
      'params.workflow["4"].inputs.ckpt_name',
      /node 4 .*128078 is not in the server's model folder checkpoints/,
    ],
    [
      'a LoRA where a checkpoint is loaded',
      drawing(SD1_LORA),
      'params.workflow["4"].inputs.ckpt_name',
      /87153 is not in the server's model folder checkpoints/,
    ],
  ])('with %s is refused with node, class and input', async (_what, graph, path, message) => {
    const api = createTestApi();
    api.fleet.push(server());
    const problem = await refusedBy(api, { jobs: [validBy(api), comfyJob(graph)] });
    expect(problem).toMatchObject({ status: 400, code: 'resource_unavailable' });
    expect(problem.errors?.[`jobs[1].${path}`]?.join(), JSON.stringify(problem.errors)).toMatch(
      message,
    );
  });

  it('goes to a server that has its nodes, its files and leave to serve its models', async () => {
    const api = createTestApi();
    api.fleet.push(
      server({ id: 'sdxl-only', pool: 'b', ecosystems: ['sdxl'] }),
      server({ id: 'right', pool: 'c' }),
    );
    await submitted(api, comfyJob(drawing('sd1\\civitai\\4384\\128713.safetensors')));
    await submitted(api, comfyJob(drawing(SD1)));
    expect([...api.orchestrator.rows.values()].at(-1)?.pool).toBe('c');
  });

  it('of 4 MB is read, a larger one and a body over the limit are not', async () => {
    const api = createTestApi({ MAX_BODY_BYTES: 16_777_216 });
    const graph = (bytes: number) =>
      comfyJob({
        1: LOAD,
        2: SAVE,
        3: { class_type: 'Note', inputs: { text: 'x'.repeat(bytes) } },
      });
    expect((await api.send('POST', JOBS, graph(4_000_000))).status).toBe(202);
    expect((await api.send('POST', JOBS, graph(4_200_000))).status).toBe(400);
    expect((await api.send('POST', JOBS, graph(16_800_000))).status).toBe(413);
  });
});

/** A job that could be accepted: it is not, because another one of its batch is wrong. */
const validBy = (api: TestApi): unknown => {
  api.fleet[0] = server();
  return comfyJob(drawing(SD1));
};

describe('imageTransform', () => {
  it('is accepted with a picture by URL or by key', async () => {
    const api = createTestApi();
    api.blobs.set('A.png', blobRecord('A.png'));
    const url = 'https://example.org/a.png';
    await submitted(api, { $type: 'imageTransform', transformer: 'canny', imageUrl: url });
    await submitted(api, {
      $type: 'ImageTransformJob',
      transformer: 'DepthZoe',
      blobKey: 'A.png',
      params: { resolution: 768 },
      replace: true,
    });
    expect([...api.orchestrator.rows.values()]).toMatchObject([
      { type: 'imageTransform', generation: { transformer: 'Canny', image: { url } } },
      { generation: { transformer: 'DepthZoe', image: { blobKey: 'A.png' }, resolution: 768 } },
    ]);
  });

  it.each<[string, Record<string, unknown>, string, RegExp]>([
    ['no picture', { imageUrl: undefined }, '', /either imageUrl or blobKey/],
    ['another transformer', { transformer: 'Sepia' }, 'transformer', /Canny, DepthZoe/],
    [
      'an address to send the result to',
      { destinationUrl: 'https://example.org/' },
      'destinationUrl',
      /not sent anywhere/,
    ],
    ['a private picture', { imageUrl: 'http://127.0.0.1/' }, 'imageUrl', /loopback/],
  ])('with %s is refused', async (_what, change, path, message) => {
    const problem = await refusedBy(createTestApi(), {
      ...{ $type: 'imageTransform', transformer: 'Canny', imageUrl: 'https://example.org/a.png' },
      ...change,
    });
    expect(problem.status).toBe(400);
    expect(problem.errors?.[path]?.join(), JSON.stringify(problem.errors)).toMatch(message);
  });

  it('is refused with the name of the node that no server has', async () => {
    const api = createTestApi();
    api.fleet.push(server());
    const body = { $type: 'imageTransform', imageUrl: 'https://example.org/a.png' };
    const problem = await refusedBy(api, { ...body, transformer: 'DepthZoe' });
    expect(problem.code).toBe('resource_unavailable');
    expect(problem.errors?.['transformer']?.join()).toMatch(
      /DepthZoe needs the node class Zoe-DepthMapPreprocessor.*comfyui_controlnet_aux/,
    );
    expect((await api.send('POST', JOBS, { ...body, transformer: 'Canny' })).status).toBe(202);
  });
});

it('a batch with one bad job of any type starts nothing and names its index', async () => {
  const problem = await refusedBy(createTestApi(), {
    jobs: [validJob(), comfyJob(COPY), comfyJob({ 2: SAVE })],
  });
  expect(Object.keys(problem.errors ?? {})).toEqual(['jobs[2].params.workflow["2"].inputs.images']);
});
