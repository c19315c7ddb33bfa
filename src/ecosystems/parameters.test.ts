/** Every parameter reaches the graph, and nothing else in the graph moves with it. */
import { describe, expect, it } from 'vitest';
import { EXAMPLE_GENERATIONS, type ExampleName } from '../../test/fixtures/generations.ts';
import type { Graph, TextToImage } from '../domain/generation.ts';
import { buildGraph } from './index.ts';
import type { ResolvedFiles, ResolvedNetwork } from './resolved-files.ts';

type Change = Partial<TextToImage> | { readonly files: (files: ResolvedFiles) => ResolvedFiles };

const inputsOf = (graph: Graph): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(graph).flatMap(([nodeId, node]) => [
      [nodeId, node.class_type] as const,
      ...Object.entries(node.inputs).map(
        ([input, value]) => [`${nodeId}.${input}`, JSON.stringify(value)] as const,
      ),
    ]),
  );

const changedBy = (
  name: ExampleName,
  change: Change,
  start: Partial<TextToImage> = {},
): string[] => {
  const example = EXAMPLE_GENERATIONS[name];
  const generation: TextToImage = { ...example.generation, ...start };
  const files: ResolvedFiles = example.files;
  const before = inputsOf(buildGraph(generation, files, 'prefix'));
  const after = inputsOf(
    'files' in change
      ? buildGraph(generation, change.files(files), 'prefix')
      : buildGraph({ ...generation, ...change }, files, 'prefix'),
  );
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((key) => before.get(key) !== after.get(key))
    .sort();
};

const withNetworks = (
  edit: (networks: readonly ResolvedNetwork[]) => readonly ResolvedNetwork[],
): Change => ({
  files: (files) => ({ ...files, networks: edit(files.networks) }),
});
const withNetwork = (index: number, edit: Partial<ResolvedNetwork>): Change =>
  withNetworks((networks) =>
    networks.map((network, at) => (at === index ? { ...network, ...edit } : network)),
  );
const withModelFile: Change = {
  files: (files) => ({ ...files, checkpoint: { ...files.checkpoint, name: 'other.safetensors' } }),
};
const swapLoras = withNetworks(([first, second, ...rest]) =>
  [second, first, ...rest].filter((network) => network !== undefined),
);

const SHARED: readonly (readonly [string, Change, readonly string[]])[] = [
  ['prompt', { prompt: 'another EasyNegative' }, ['positive.text']],
  ['steps', { steps: 26 }, ['sampler.steps']],
  ['seed', { seed: 4_294_967_295 }, ['sampler.seed']],
  ['width', { width: 640 }, ['latent.width']],
  ['height', { height: 640 }, ['latent.height']],
  ['sampler and schedule', { scheduler: 'DDIM' }, ['sampler.sampler_name', 'sampler.scheduler']],
  ['sampler', { scheduler: 'LMSKarras' }, ['sampler.sampler_name']],
  ['schedule', { scheduler: 'DPM2M' }, ['sampler.scheduler']],
  ['first LoRA file', withNetwork(0, { name: 'other' }), ['lora-1.lora_name']],
  [
    'first LoRA strength',
    withNetwork(0, { strength: 0.1 }),
    ['lora-1.strength_clip', 'lora-1.strength_model'],
  ],
  ['second LoRA file', withNetwork(1, { name: 'other' }), ['lora-2.lora_name']],
  [
    'second LoRA strength',
    withNetwork(1, { strength: -1 }),
    ['lora-2.strength_clip', 'lora-2.strength_model'],
  ],
  [
    'LoRA order',
    swapLoras,
    [1, 2].flatMap((at) => [
      `lora-${at}.lora_name`,
      `lora-${at}.strength_clip`,
      `lora-${at}.strength_model`,
    ]),
  ],
  ['VAE', withNetwork(2, { name: 'other' }), ['vae.vae_name']],
  [
    'embedding file',
    withNetwork(3, { name: 'other', triggerWord: 'EasyNegative' }),
    ['positive.text'],
  ],
  ['embedding strength', withNetwork(3, { strength: 0.5 }), ['positive.text']],
  ['embedding trigger', withNetwork(3, { triggerWord: 'dusk' }), ['positive.text']],
];

const STABLE_DIFFUSION: typeof SHARED = [
  ['negative prompt', { negativePrompt: 'other' }, ['negative.text']],
  ['cfg scale', { cfgScale: 7.5 }, ['sampler.cfg']],
  ['clip skip', { clipSkip: 4 }, ['clip-skip.stop_at_clip_layer']],
  ['checkpoint', withModelFile, ['checkpoint.ckpt_name']],
];

describe.each(['sd1-text-to-image', 'sdxl-text-to-image'] as const)('%s', (name) => {
  it.each([...SHARED, ...STABLE_DIFFUSION])(
    '%s changes its own inputs only',
    (_, change, expected) => {
      expect(changedBy(name, change)).toEqual([...expected].sort());
    },
  );

  it('takes its own VAE when none is given', () => {
    const changed = changedBy(
      name,
      withNetworks((networks) => networks.filter(({ kind }) => kind !== 'vae')),
    );
    expect(changed).toEqual(['decode.vae', 'vae', 'vae.vae_name']);
  });

  it('hangs text encoders and sampler on the end of the LoRA chain', () => {
    const { generation, files } = EXAMPLE_GENERATIONS[name];
    const graph = buildGraph(generation, files, 'prefix');
    expect(graph['lora-1']?.inputs['model']).toEqual(['checkpoint', 0]);
    expect(graph['lora-2']?.inputs['clip']).toEqual(['lora-1', 1]);
    expect(graph['sampler']?.inputs['model']).toEqual(['lora-2', 0]);
    expect(graph['clip-skip']?.inputs['clip']).toEqual(['lora-2', 1]);
    expect(graph['positive']?.inputs['clip']).toEqual(['clip-skip', 0]);
    expect(graph['negative']?.inputs['clip']).toEqual(['clip-skip', 0]);
  });

  it('never skips more layers than the encoder has', () => {
    expect(changedBy(name, { clipSkip: 30 }, { clipSkip: 12 })).toEqual([]);
  });
});

describe('clip skip', () => {
  it('2 is a change on sd1', () => {
    expect(changedBy('sd1-text-to-image', { clipSkip: 2 }, { clipSkip: 1 })).toContain('clip-skip');
  });

  it('2 is what sdxl does by itself, 3 is a change', () => {
    expect(changedBy('sdxl-text-to-image', { clipSkip: 2 }, { clipSkip: 1 })).toEqual([]);
    expect(changedBy('sdxl-text-to-image', { clipSkip: 3 }, { clipSkip: 2 })).toContain(
      'clip-skip',
    );
  });
});

describe.each([
  ['flux1-text-to-image', 'checkpoint.ckpt_name'],
  ['flux1-text-to-image-diffusion-model', 'diffusion-model.unet_name'],
] as const)('%s', (name, modelInput) => {
  it.each([
    ...SHARED,
    ['cfg scale', { cfgScale: 4 }, ['guidance.guidance']],
    ['model file', withModelFile, [modelInput]],
  ] as const)('%s changes its own inputs only', (_, change, expected) => {
    expect(changedBy(name, change)).toEqual([...expected].sort());
  });

  it('has no negative prompt and no clip skip, which Flux does not know', () => {
    expect(changedBy(name, { negativePrompt: 'other' })).toEqual([]);
    expect(changedBy(name, { clipSkip: 4 })).toEqual([]);
  });

  it('samples at even steps unless a schedule is named', () => {
    const { generation, files } = EXAMPLE_GENERATIONS[name];
    const sampling = (scheduler: string): unknown[] => {
      const inputs = buildGraph({ ...generation, scheduler }, files, 'prefix')['sampler']?.inputs;
      return [inputs?.['sampler_name'], inputs?.['scheduler'], inputs?.['cfg']];
    };
    expect(sampling('Undefined')).toEqual(['euler', 'simple', 1]);
    expect(sampling('EulerA')).toEqual(['euler_ancestral', 'simple', 1]);
    expect(sampling('DPM2MKarras')).toEqual(['dpmpp_2m', 'karras', 1]);
  });
});

describe('a bare Flux model', () => {
  const { generation, files } = EXAMPLE_GENERATIONS['flux1-text-to-image-diffusion-model'];

  it('loads the companions it was given', () => {
    const graph = buildGraph(generation, { ...files, networks: [] }, 'prefix');
    expect(graph['text-encoders']?.inputs).toEqual({
      clip_name1: 'clip_l.safetensors',
      clip_name2: 't5xxl_fp8_e4m3fn.safetensors',
      type: 'flux',
    });
    expect(graph['vae']?.inputs).toEqual({ vae_name: 'ae.safetensors' });
  });

  it('loads them by their usual names when nothing is known of them', () => {
    const graph = buildGraph(generation, { checkpoint: files.checkpoint, networks: [] }, 'prefix');
    expect(graph['text-encoders']?.inputs['clip_name2']).toBe('t5xxl_fp16.safetensors');
  });
});
