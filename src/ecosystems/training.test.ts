/** Every parameter reaches the graph, and nothing else in the graph moves with it. */
import { describe, expect, it } from 'vitest';
import { changedInputs } from '../../test/fixtures/graph-inputs.ts';
import type { ResourceTraining } from '../domain/generation.ts';
import { planGraph } from './plan-graph.ts';

const TRAINING: ResourceTraining = {
  ...{ operation: 'imageResourceTraining', ecosystem: 'sd1' },
  model: 'urn:air:sd1:checkpoint:civitai:1@10001',
  data: { url: 'https://example.org/data.zip' },
  ...{ rounds: 10, batchSize: 1, learningRate: 1e-4, rank: 8, resolution: 512, seed: 7 },
};
const FILES = { checkpoints: ['10001.safetensors'] };
const CAPTIONS = { 'data-0': 'a', 'data-1': 'b', 'data-2': 'c' };
const INPUTS = { 'data-0': '0.png', 'data-1': '1.png', 'data-2': '2.png' };

const planOf = (training: ResourceTraining, listed: object = FILES, saves = 'SaveLoRA') =>
  planGraph(training, {
    fileNameOf: () => undefined,
    listed: listed as Record<string, string[]>,
    hasClass: (name) => name === saves,
  });
const graphOf = (
  training = TRAINING,
  captions: Readonly<Record<string, string>> = CAPTIONS,
  inputs: Readonly<Record<string, string>> = INPUTS,
  saves?: string,
) => {
  const plan = planOf(training, FILES, saves);
  if ('missing' in plan) throw new Error(plan.missing.join());
  return plan.build(inputs, 'x/r1a1', captions);
};

describe('a training', () => {
  it.each<[string, Partial<ResourceTraining>, readonly string[]]>([
    ['rounds', { rounds: 11 }, ['trained.steps']],
    ['batch size', { batchSize: 2 }, ['trained.batch_size', 'trained.steps']],
    ['learning rate', { learningRate: 1e-3 }, ['trained.learning_rate']],
    ['rank', { rank: 4 }, ['trained.rank']],
    ['seed', { seed: 8 }, ['trained.seed']],
    [
      'resolution',
      { resolution: 64 },
      [0, 1, 2].flatMap((at) => [`p${at}-sized.height`, `p${at}-sized.width`]),
    ],
  ])('follows its %s', (_what, change, inputs) => {
    expect(changedInputs(graphOf(), graphOf({ ...TRAINING, ...change }))).toEqual(inputs);
  });

  it('follows every picture and what it shows', () => {
    expect(changedInputs(graphOf(), graphOf(TRAINING, { ...CAPTIONS, 'data-1': 'x' }))).toEqual([
      'p1-caption.text',
    ]);
    const other = { ...INPUTS, 'data-2': 'x.png' };
    expect(changedInputs(graphOf(), graphOf(TRAINING, CAPTIONS, other))).toEqual([
      'p2-source.image',
    ]);
  });

  it.each([1, 2, 3, 7, 100])('has %i pictures and captions in one order', (count) => {
    const roles = Array.from({ length: count }, (_, index) => `data-${index}`);
    const captions = Object.fromEntries(roles.map((role) => [role, role]));
    const graph = graphOf(TRAINING, captions, captions);
    const leaves = (id: string, first: string, second: string): string[] => {
      const { [first]: one, [second]: two } = graph[id]?.inputs ?? {};
      if (one === undefined) return [id];
      return [one, two].flatMap((link) => leaves((link as string[])[0] ?? '', first, second));
    };
    const { latents, positive, steps } = graph['trained']?.inputs ?? {};
    expect(leaves((latents as string[])[0] ?? '', 'samples1', 'samples2')).toEqual(
      roles.map((_role, index) => `p${index}-latent`),
    );
    expect(leaves((positive as string[])[0] ?? '', 'conditioning_1', 'conditioning_2')).toEqual(
      roles.map((_role, index) => `p${index}-caption`),
    );
    expect(steps).toBe(10 * count);
  });

  it('is refused when it would take more steps than the node does', () => {
    const rounds = 33_334;
    expect(() => graphOf({ ...TRAINING, rounds })).toThrow(
      /100002 steps; ComfyUI takes at most 100000/,
    );
    expect(graphOf({ ...TRAINING, rounds: 33_333 })['trained']?.inputs['steps']).toBe(99_999);
  });

  it('saves by the name that the server knows the node under', () => {
    expect(graphOf()['save']?.class_type).toBe('SaveLoRA');
    expect(graphOf(TRAINING, CAPTIONS, INPUTS, 'SaveLoRANode')['save']?.class_type).toBe(
      'SaveLoRANode',
    );
  });

  it('gives one file, whose name is known', () => {
    expect(planOf(TRAINING)).toMatchObject({ expectedOutputs: 1, outputExtension: 'safetensors' });
  });

  it.each([
    [{ checkpoints: [] }, /not in the server's model folder/],
    [{ diffusion_models: ['10001.safetensors'] }, /bare diffusion model/],
  ])('needs a whole checkpoint: %j', (listed, message) => {
    const model = 'urn:air:flux1:checkpoint:civitai:1@10001';
    expect(planOf({ ...TRAINING, model, ecosystem: 'flux1' }, listed)).toEqual({
      missing: [expect.stringMatching(message) as string],
    });
  });
});
