/** Every parameter reaches the graph, and nothing else in the graph moves with it. */
import { describe, expect, it } from 'vitest';
import { EXAMPLE_GENERATIONS, type ExampleName } from '../../test/fixtures/generations.ts';
import { changedInputs } from '../../test/fixtures/graph-inputs.ts';
import type { TextToImage } from '../domain/generation.ts';
import { buildGraph } from './index.ts';
import type { ResolvedFiles, ResolvedNetwork } from './resolved-files.ts';

type Change = Partial<TextToImage> | { readonly files: (files: ResolvedFiles) => ResolvedFiles };

const changedBy = (
  name: ExampleName,
  change: Change,
  start: Partial<TextToImage> = {},
): string[] => {
  const example = EXAMPLE_GENERATIONS[name];
  const generation: TextToImage = { ...example.generation, ...start };
  const files: ResolvedFiles = example.files;
  return changedInputs(
    buildGraph(generation, files, 'prefix'),
    'files' in change
      ? buildGraph(generation, change.files(files), 'prefix')
      : buildGraph({ ...generation, ...change }, files, 'prefix'),
  );
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

  it('samples with the cfg at which no negative prompt is looked at', () => {
    const { generation, files } = EXAMPLE_GENERATIONS[name];
    expect(buildGraph(generation, files, 'prefix')['sampler']?.inputs['cfg']).toBe(1);
  });

  it('leaves an embedding alone that only the negative prompt calls', () => {
    const text = (negativePrompt: string): unknown => {
      const { generation, files } = EXAMPLE_GENERATIONS[name];
      const changed = { ...generation, prompt: 'a fox', negativePrompt };
      return buildGraph(changed, files, 'prefix')['positive']?.inputs['text'];
    };
    expect(text('easynegative')).toBe('a fox');
    expect(text('')).toBe('a fox, embedding:EasyNegative');
  });
});

describe.each([
  ['sd3-text-to-image', 'checkpoint.ckpt_name'],
  ['sd3-text-to-image-separate-encoders', 'checkpoint.ckpt_name'],
  ['sd3-text-to-image-diffusion-model', 'diffusion-model.unet_name'],
] as const)('%s', (name, modelInput) => {
  const { generation, files } = EXAMPLE_GENERATIONS[name];
  const graph = buildGraph(generation, files, 'prefix');

  it.each([
    ...SHARED,
    ['negative prompt', { negativePrompt: 'other' }, ['negative.text']],
    ['cfg scale', { cfgScale: 4 }, ['sampler.cfg']],
    ['model file', withModelFile, [modelInput]],
  ] as const)('%s changes its own inputs only', (_, change, expected) => {
    expect(changedBy(name, change)).toEqual([...expected].sort());
  });

  it('samples the shifted model behind the LoRAs', () => {
    expect(graph['shift']).toEqual({
      class_type: 'ModelSamplingSD3',
      inputs: { model: ['lora-2', 0], shift: 3 },
    });
    expect(graph['sampler']?.inputs['model']).toEqual(['shift', 0]);
    expect(graph['positive']?.inputs['clip']).toEqual(['lora-2', 1]);
  });

  it('takes its text encoders from where they are', () => {
    const source = name === 'sd3-text-to-image' ? ['checkpoint', 1] : ['text-encoders', 0];
    expect(graph['lora-1']?.inputs['clip']).toEqual(source);
  });

  it('has no clip skip', () => {
    expect(changedBy(name, { clipSkip: 4 })).toEqual([]);
  });
});

it.each([
  ['flux1-text-to-image', 'simple'],
  ['sd3-text-to-image', 'sgm_uniform'],
] as const)('%s samples by its own schedule unless one is named', (name, schedule) => {
  const { generation, files } = EXAMPLE_GENERATIONS[name];
  const sampling = (scheduler: string): unknown[] => {
    const inputs = buildGraph({ ...generation, scheduler }, files, 'prefix')['sampler']?.inputs;
    return [inputs?.['sampler_name'], inputs?.['scheduler']];
  };
  expect(sampling('Undefined')).toEqual(['euler', schedule]);
  expect(sampling('EulerA')).toEqual(['euler_ancestral', schedule]);
  expect(sampling('DPM2MKarras')).toEqual(['dpmpp_2m', 'karras']);
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
