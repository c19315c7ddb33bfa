/** Jobs that say something of a picture: what is accepted, and what is refused before anything is stored. */
import { describe, expect, it } from 'vitest';
import type { FleetServer } from '../domain/fleet.ts';
import { submitted } from './job-calls.test-support.ts';
import { refusedBy, type RefusedProblem } from './refused.test-support.ts';
import { blobRecord, createTestApi, SD1, SD1_LORA, type TestApi } from './test-api.test-support.ts';

const MEDIA = { mediaUrl: 'https://example.org/a.png' };
const REQUESTS = {
  wdTagging: { model: 'wd14-vit.v1', ...MEDIA },
  mediaTagging: { modelId: 0, ...MEDIA },
  mediaCaptioning: MEDIA,
  imageEmbedding: { imageUrl: 'https://example.org/a.png' },
};
type TypeName = keyof typeof REQUESTS;
const jobOf = ($type: TypeName, change: object = {}) => ({ $type, ...REQUESTS[$type], ...change });

const NODES = [
  ...['LoadImage', 'PreviewAny', 'CLIPVisionLoader', 'CLIPVisionEncode', 'OutputEmbedding'],
  ...['WD14Tagger|pysssss', 'DownloadAndLoadFlorence2Model', 'Florence2Run'],
];

const serverWith = (nodes: readonly string[], encoders = ['clip-vit-l.safetensors']) =>
  ({
    ...{ id: 'a', pool: 'default', room: 2, reachable: true, draining: false },
    ...{ ecosystems: null, vramBytes: null },
    lists: { files: { clip_vision: encoders }, nodeClasses: new Set(nodes) },
  }) satisfies FleetServer;

async function refusal(api: TestApi, body: unknown): Promise<RefusedProblem> {
  const problem = await refusedBy(api, body);
  expect(problem.status, JSON.stringify(problem)).toBe(400);
  return problem;
}

describe('jobs that say something of a picture', () => {
  it.each<[TypeName, object, object]>([
    [
      'wdTagging',
      { threshold: 0.5 },
      { tagger: 'wd-v1-4-vit-tagger', threshold: 0.5, image: { url: MEDIA.mediaUrl } },
    ],
    ['wdTagging', { model: 'wd-vit-tagger-v3' }, { tagger: 'wd-vit-tagger-v3', threshold: 0.35 }],
    ['wdTagging', { threshold: null }, { threshold: 0.35 }],
    ['mediaTagging', {}, { tagger: 'wd-v1-4-moat-tagger-v2', threshold: 0.35 }],
    [
      'mediaCaptioning',
      {},
      { captioner: 'microsoft/Florence-2-large', maxNewTokens: 300, isSampled: true },
    ],
    [
      'mediaCaptioning',
      { model: 'joy-caption-pre-alpha', temperature: 0, maxNewTokens: 20 },
      { captioner: 'microsoft/Florence-2-large', maxNewTokens: 20, isSampled: false },
    ],
    ['imageEmbedding', {}, { image: { url: MEDIA.mediaUrl } }],
  ])('%s with %j is accepted', async (type, change, generation) => {
    const api = createTestApi();
    api.fleet.push(serverWith(NODES));
    const { collection } = await submitted(api, jobOf(type, change), '?detailed=true');
    const [row] = api.orchestrator.rows.values();
    expect(row).toMatchObject({ type, cost: 0.1, generation: { operation: type, ...generation } });
    const asked = { ...REQUESTS[type], ...change };
    const told = Object.entries(asked).filter(([, value]) => value !== null);
    expect(collection.jobs[0]?.job).toMatchObject({ ...Object.fromEntries(told), resources: [] });
  });

  it.each<TypeName>(['wdTagging', 'mediaCaptioning', 'imageEmbedding'])(
    '%s takes a stored file too, and no foreign one',
    async (type) => {
      const api = createTestApi();
      const withoutUrl = { mediaUrl: undefined, imageUrl: undefined };
      await refusal(api, jobOf(type, { ...withoutUrl, blobKey: 'A.png' }));
      api.blobs.set('A.png', blobRecord('A.png'));
      await submitted(api, jobOf(type, { ...withoutUrl, blobKey: 'A.png' }));
    },
  );

  it('have a place for their file before they have ended', async () => {
    const api = createTestApi();
    const { collection } = await submitted(api, jobOf('wdTagging'));
    expect(collection.jobs[0]?.result).toMatchObject({
      blobKey: expect.stringMatching(/\.json$/) as string,
      available: false,
    });
  });

  it.each<[TypeName, string, string]>([
    ['wdTagging', 'WD14Tagger|pysssss', 'ComfyUI-WD14-Tagger'],
    ['mediaTagging', 'WD14Tagger|pysssss', 'ComfyUI-WD14-Tagger'],
    ['mediaCaptioning', 'Florence2Run', 'ComfyUI-Florence2'],
    ['mediaCaptioning', 'PreviewAny', 'update ComfyUI'],
    ['imageEmbedding', 'OutputEmbedding', 'comfyui_image_embeddings'],
  ])('%s is refused where no server has %s, with what can run', async (type, node, pack) => {
    const api = createTestApi();
    api.fleet.push(serverWith(NODES.filter((name) => name !== node)));
    const problem = await refusal(api, { jobs: [jobOf(type)] });
    expect(problem.code).toBe('resource_unavailable');
    const message = problem.errors?.['jobs[0].$type']?.join() ?? '';
    expect(message).toContain(`${type} needs the node class ${node}`);
    expect(message).toContain(pack);
    const [, list = ''] = message.split('Job types that can run now: ');
    expect(list.split(', ')).toContain('textToImage');
    expect(list.split(', ')).not.toContain(type);
  });

  it('lists the others of them that a server can run', async () => {
    const api = createTestApi();
    api.fleet.push(serverWith(NODES.filter((name) => name !== 'Florence2Run')));
    const problem = await refusal(api, jobOf('mediaCaptioning'));
    expect(problem.errors?.['$type']?.join()).toMatch(/now: .*wdTagging, .*imageEmbedding/);
    expect(problem.errors?.['$type']?.join()).not.toMatch(/now: .*imageResourceTraining/);
  });

  it('of an embedding are refused where no server has an encoder', async () => {
    const api = createTestApi();
    api.fleet.push(serverWith(NODES, []));
    const problem = await refusal(api, jobOf('imageEmbedding'));
    expect(problem.errors?.['$type']?.join()).toMatch(/folder clip_vision is empty/);
  });

  it.each<[TypeName, object, string, RegExp]>([
    ['wdTagging', { model: undefined }, 'model', /expected/],
    ['wdTagging', { model: 'toString' }, 'model', /no tagger .*wd14-vit\.v1/],
    ['wdTagging', { threshold: 1.1 }, 'threshold', /1/],
    ['wdTagging', { threshold: -0.1 }, 'threshold', /0/],
    ['wdTagging', { threshold: 'high' }, 'threshold', /number/],
    ['wdTagging', { mediaUrl: undefined }, '', /either mediaUrl or blobKey/],
    ['wdTagging', { blobKey: 'A.png' }, '', /either mediaUrl or blobKey/],
    ['wdTagging', { mediaUrl: 'ftp://example.org/a.png' }, 'mediaUrl', /http/],
    ['wdTagging', { mediaUrl: 'http://127.0.0.1/a.png' }, 'mediaUrl', /loopback/],
    ['mediaTagging', { modelId: undefined }, 'modelId', /expected/],
    ['mediaTagging', { modelId: 2 ** 31 }, 'modelId', /2147483647/],
    ['mediaCaptioning', { model: 'gpt' }, 'model', /no captioner .*Florence-2-base/],
    ['mediaCaptioning', { maxNewTokens: 0 }, 'maxNewTokens', /1/],
    ['mediaCaptioning', { maxNewTokens: 4097 }, 'maxNewTokens', /4096/],
    ['mediaCaptioning', { temperature: 2.5 }, 'temperature', /2/],
    ['mediaCaptioning', { customInstructions: 'be brief' }, 'customInstructions', /Florence-2/],
    ['imageEmbedding', { imageUrl: null }, '', /either imageUrl or blobKey/],
  ])('%s with %j is refused at %j', async (type, change, path, message) => {
    const problem = await refusal(createTestApi(), jobOf(type, change));
    expect(problem.errors?.[path]?.join(), JSON.stringify(problem.errors)).toMatch(message);
  });
});

describe('a training', () => {
  const TRAINING_NODES = [
    ...['CheckpointLoaderSimple', 'LoadImage', 'ImageScale', 'VAEEncode', 'CLIPTextEncode'],
    ...['LatentBatch', 'ConditioningCombine', 'TrainLoraNode', 'SaveLoRANode'],
  ];
  const trainer = (nodes: readonly string[], folder = 'checkpoints'): FleetServer => ({
    ...serverWith(nodes),
    lists: {
      files: { [folder]: ['sd1/civitai/4384/128713.safetensors'] },
      nodeClasses: new Set(nodes),
    },
  });
  const training = (change: object = {}) => ({
    ...{ $type: 'imageResourceTraining', model: SD1 },
    trainingData: 'https://example.org/data.zip',
    ...change,
  });

  it('is accepted where a server has the nodes and the checkpoint', async () => {
    const api = createTestApi();
    api.fleet.push(trainer(TRAINING_NODES));
    const params = { maxTrainEpochs: 2, numRepeats: 3, networkDim: 4, loraName: 'mine' };
    const { collection } = await submitted(api, training({ params }), '?detailed=true');
    expect([...api.orchestrator.rows.values()]).toMatchObject([
      {
        ...{ type: 'imageResourceTraining', class: 'training', ecosystem: 'sd1', cost: 10 },
        generation: { model: SD1, rounds: 6, rank: 4, batchSize: 1, learningRate: 5e-5 },
      },
    ]);
    expect(collection.jobs[0]).toMatchObject({
      job: { model: SD1, params, trainingData: training().trainingData },
      result: { available: false, blobKey: expect.stringMatching(/\.bin$/) as string },
    });
  });

  it.each([
    ['TrainLoraNode', '$type', /imageResourceTraining needs the node class TrainLoraNode/],
    ['SaveLoRANode', '$type', /needs the node class SaveLoRA,/],
  ])('is refused where no server has %s', async (node, path, message) => {
    const api = createTestApi();
    api.fleet.push(trainer(TRAINING_NODES.filter((name) => name !== node)));
    const problem = await refusal(api, training());
    expect(problem.code).toBe('resource_unavailable');
    expect(problem.errors?.[path]?.join()).toMatch(message);
    const [, list = ''] = problem.errors?.[path]?.join().split('can run now: ') ?? [];
    expect(list).toMatch(/^textToImage/);
    expect(list.split(', ')).not.toContain('imageResourceTraining');
  });

  it('is refused where no server has the checkpoint', async () => {
    const api = createTestApi();
    api.fleet.push(trainer(TRAINING_NODES, 'diffusion_models'));
    expect((await refusal(api, training())).errors?.['model']?.join()).toMatch(/not in the server/);
  });

  it.each<[object, string, RegExp]>([
    [{ trainingData: undefined }, 'trainingData', /expected/],
    [{ trainingData: 'file:///etc/passwd' }, 'trainingData', /http/],
    [{ trainingData: 'http://10.0.0.1/a.zip' }, 'trainingData', /private/],
    [{ model: undefined }, 'model', /expected/],
    [{ model: SD1_LORA }, 'model', /expected a checkpoint/],
    [{ params: { networkDim: 129 } }, 'params.networkDim', /128/],
    [{ params: { resolution: 100 } }, 'params.resolution', /8/],
    [{ params: { maxTrainEpochs: 21 } }, 'params.maxTrainEpochs', /20/],
    [{ params: { unetLR: 0 } }, 'params.unetLR', /1e-7|1e-07|0.0000001/],
    [{ params: [] }, 'params', /object/],
  ])('with %j is refused', async (change, path, message) => {
    const problem = await refusal(createTestApi(), training(change));
    expect(problem.errors?.[path]?.join(), JSON.stringify(problem.errors)).toMatch(message);
  });
});
