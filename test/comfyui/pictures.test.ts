/** A real ComfyUI behind the product, asked through the official client: whatever is asked for reaches the picture. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { outputPrefix } from '../../src/domain/naming.ts';
import type { Executor } from '../../src/ports.ts';
import { bytesOf } from '../simulator/comfy-harness.ts';
import type { TestStack } from '../support/stack.ts';
import { createOfficialClient, type Picture } from './official-client.ts';
import { executorOf, readRealServer, registerResources, startRealStack } from './real-server.ts';

const server = readRealServer(process.env);
const MODEL = 'urn:air:sd1:checkpoint:civitai:900001@900001';
const LORA = 'urn:air:sd1:lora:civitai:900002@900002';
const EMBEDDING = 'urn:air:sd1:embedding:civitai:900003@900003';
const RESOURCES = [
  { air: MODEL, type: 'Checkpoint', fileName: server.checkpoint },
  { air: LORA, type: 'LORA', fileName: server.lora },
  { air: EMBEDDING, type: 'TextualInversion', fileName: server.embedding },
];

const PARAMS = {
  prompt: 'a red fox in the snow',
  negativePrompt: 'blurry',
  scheduler: 'EulerA',
  steps: 6,
  cfgScale: 7,
  width: 128,
  height: 128,
  seed: 42,
  clipSkip: 1,
} as const;
type Change = Readonly<Record<string, unknown>>;

/** What is changed → parameters, networks. Every one must give a picture of its own. */
const CHANGES: Readonly<Record<string, readonly [params: Change, networks?: Change]>> = {
  nothing: [{}],
  prompt: [{ prompt: 'a blue whale' }],
  'negative prompt': [{ negativePrompt: 'snow' }],
  seed: [{ seed: 43 }],
  cfg: [{ cfgScale: 3 }],
  steps: [{ steps: 7 }],
  sampler: [{ scheduler: 'DPM2M' }],
  schedule: [{ scheduler: 'DPM2MKarras' }],
  'clip skip': [{ clipSkip: 2 }],
  'a LoRA': [{}, { [LORA]: { strength: 1 } }],
  'LoRA strength': [{}, { [LORA]: { strength: 0.5 } }],
  'an embedding': [{}, { [EMBEDDING]: {} }],
  size: [{ width: 192 }],
};

describe('pictures of the real ComfyUI', () => {
  let stack: TestStack;
  let executor: Executor;
  let client: ReturnType<typeof createOfficialClient>;
  const drawn = new Map<string, Picture>();
  const draw = (change: string): Promise<Picture> => {
    const [params, additionalNetworks] = CHANGES[change] ?? [{}];
    return client.draw({
      model: MODEL,
      params: { ...PARAMS, ...params },
      ...(additionalNetworks === undefined ? {} : { additionalNetworks }),
    });
  };

  beforeAll(async () => {
    // The client prints what it is given.
    vi.spyOn(console, 'log').mockImplementation(() => undefined);
    stack = await startRealStack(server);
    executor = executorOf(server);
    client = createOfficialClient(stack.url);
    await registerResources(stack.url, RESOURCES);
  });
  afterAll(async () => {
    await executor.close();
    await stack.stop();
  });

  it.each(Object.keys(CHANGES))('differ from each other when this is changed: %s', async (what) => {
    const picture = await draw(what);
    const { width } = { ...PARAMS, ...CHANGES[what]?.[0] };
    expect(picture).toMatchObject({ width, height: PARAMS.height });
    const same = [...drawn].filter(([, other]) => other.pixels === picture.pixels);
    expect(same.map(([name]) => name)).toEqual([]);
    drawn.set(what, picture);
  });

  it.each(['nothing', 'a LoRA', 'an embedding'])(
    'are equal for equal inputs, after others were drawn (%s)',
    async (what) => {
      const again = await draw(what);
      expect(again.jobId).not.toBe(drawn.get(what)?.jobId);
      expect(again.pixels).toBe(drawn.get(what)?.pixels);
    },
  );

  it('are the files that ComfyUI wrote, byte for byte', async () => {
    for (const { jobId, file } of drawn.values()) {
      const [subfolder = '', name = ''] = outputPrefix(jobId, 1, 1).split(/\/(?=[^/]*$)/);
      const written = { nodeId: '', subfolder, filename: `${name}_00001_.png`, type: 'output' };
      const bytes = await bytesOf(await executor.fetchOutput({ ...written, type: 'output' }));
      expect(bytes.equals(file)).toBe(true);
    }
  });
});
