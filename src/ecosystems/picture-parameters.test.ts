/** Every parameter of pictures that start from others, or are drawn twice, reaches the graph and moves nothing else. */
import { describe, expect, it } from 'vitest';
import { EXAMPLE_GENERATIONS, type ExampleName } from '../../test/fixtures/generations.ts';
import { changedInputs } from '../../test/fixtures/graph-inputs.ts';
import type { TextToImage } from '../domain/generation.ts';
import type { Graph } from '../domain/graphs/graph.ts';
import { buildGraph } from './index.ts';
import type { ResolvedFiles } from './resolved-files.ts';

interface Change {
  readonly generation?: (generation: TextToImage) => Partial<TextToImage>;
  readonly files?: (files: ResolvedFiles) => Partial<ResolvedFiles>;
}

const exampleOf = (name: ExampleName): { generation: TextToImage; files: ResolvedFiles } =>
  EXAMPLE_GENERATIONS[name];

const graphOf = (
  name: ExampleName,
  { generation: ofGeneration, files: ofFiles }: Change,
): Graph => {
  const { generation, files } = exampleOf(name);
  return buildGraph(
    { ...generation, ...ofGeneration?.(generation) },
    { ...files, ...ofFiles?.(files) },
    'prefix',
  );
};

const changedBy = (name: ExampleName, change: Change): string[] =>
  changedInputs(graphOf(name, {}), graphOf(name, change));

const source = (edit: Partial<NonNullable<TextToImage['source']>>): Change => ({
  generation: (before) => (before.source ? { source: { ...before.source, ...edit } } : {}),
});
const hires = (edit: Partial<NonNullable<TextToImage['hires']>>): Change => ({
  generation: (before) => (before.hires ? { hires: { ...before.hires, ...edit } } : {}),
});
const control = (
  at: number,
  edit: Partial<NonNullable<TextToImage['controlNets']>[number]>,
): Change => ({
  generation: ({ controlNets = [] }) => ({
    controlNets: controlNets.map((one, index) => (index === at ? { ...one, ...edit } : one)),
  }),
});
const inputFile = (role: string): Change => ({
  files: ({ inputs }) => ({ inputs: { ...inputs, [role]: 'other.png' } }),
});
const upscaler: Change = { files: () => ({ upscaler: 'other.pth' }) };
const seed: Change = { generation: () => ({ seed: 1 }) };
const scheduler: Change = { generation: () => ({ scheduler: 'DDIM' }) };
const width: Change = { generation: () => ({ width: 640 }) };
const steps: Change = { generation: () => ({ steps: 30 }) };

const samplers = (input: string, ...nodes: string[]): string[] =>
  nodes.map((node) => `${node}.${input}`);
const sampling = (...nodes: string[]): string[] => [
  ...samplers('sampler_name', ...nodes),
  ...samplers('scheduler', ...nodes),
];

const CASES: Readonly<
  Partial<Record<ExampleName, readonly (readonly [string, Change, string[]])[]>>
> = {
  'sd1-image-to-image': [
    ['picture', inputFile('image'), ['source-image.image']],
    ['denoise', source({ denoise: 0.3 }), ['sampler.denoise']],
    ['width', width, ['source.width']],
    ['steps', steps, ['sampler.steps']],
  ],
  'sd1-inpaint': [
    ['picture', inputFile('image'), ['source-image.image']],
    ['mask', inputFile('mask'), ['mask-image.image']],
    ['denoise', source({ denoise: 0.3 }), ['sampler.denoise']],
    ['width', width, ['source.width', 'mask-scaled.width']],
  ],
  'sd1-hires': [
    ['scale', hires({ scale: 2 }), ['hires-latent.width', 'hires-latent.height']],
    ['denoise', hires({ denoise: 0.3 }), ['hires-sampler.denoise']],
    ['its steps', hires({ steps: 9 }), ['hires-sampler.steps']],
    ['steps of the first pass', steps, ['sampler.steps']],
    ['seed', seed, samplers('seed', 'sampler', 'hires-sampler')],
    ['scheduler', scheduler, sampling('sampler', 'hires-sampler')],
    ['width', width, ['latent.width', 'hires-latent.width']],
  ],
  'sd1-hires-by-model': [
    ['upscaler', upscaler, ['hires-upscaler.model_name']],
    ['scale', hires({ scale: 3 }), ['hires-image.width', 'hires-image.height']],
    ['denoise', hires({ denoise: 0.5 }), ['hires-sampler.denoise']],
    ['steps, which are those of both', steps, samplers('steps', 'sampler', 'hires-sampler')],
  ],
  'sd1-upscale': [
    ['upscaler', upscaler, ['hires-upscaler.model_name']],
    ['scale', hires({ scale: 3 }), ['hires-image.width', 'hires-image.height']],
  ],
  'sd1-control-nets': [
    ['weight', control(0, { weight: 0.1 }), ['control-1-apply.strength']],
    ['start', control(1, { start: 0.2 }), ['control-2-apply.start_percent']],
    ['end', control(2, { end: 0.9 }), ['control-3-apply.end_percent']],
    ['picture', inputFile('control3'), ['control-4-image.image']],
    [
      'file',
      {
        files: ({ controlNets = [] }) => ({
          controlNets: controlNets.map((one, at) => (at === 1 ? { name: 'other' } : one)),
        }),
      },
      ['control-2-model.control_net_name'],
    ],
    [
      'width beyond the height',
      { generation: () => ({ width: 1024 }) },
      ['control-2-transformed.resolution', 'control-3-transformed.resolution', 'latent.width'],
    ],
  ],
  'sdxl-refiner': [
    ['refiner', { files: () => ({ refiner: 'other' }) }, ['refiner.ckpt_name']],
    [
      'switch',
      { generation: ({ refiner }) => (refiner ? { refiner: { ...refiner, switchAt: 0.4 } } : {}) },
      ['sampler.end_at_step', 'refiner-sampler.start_at_step'],
    ],
    [
      'steps',
      steps,
      [
        ...samplers('steps', 'sampler', 'refiner-sampler'),
        ...['sampler.end_at_step', 'refiner-sampler.start_at_step'],
      ],
    ],
    ['seed', seed, samplers('noise_seed', 'sampler', 'refiner-sampler')],
    ['scheduler', scheduler, sampling('sampler', 'refiner-sampler')],
    [
      'cfg scale',
      { generation: () => ({ cfgScale: 3 }) },
      samplers('cfg', 'sampler', 'refiner-sampler'),
    ],
    [
      'prompt',
      { generation: () => ({ prompt: 'another EasyNegative' }) },
      ['positive.text', 'refiner-positive.text'],
    ],
    [
      'negative prompt',
      { generation: () => ({ negativePrompt: 'other' }) },
      ['negative.text', 'refiner-negative.text'],
    ],
  ],
  'flux1-control-net': [
    ['weight', control(0, { weight: 0.1 }), ['control-1-apply.strength']],
    ['start', control(0, { start: 0.2 }), ['control-1-apply.start_percent']],
    ['end', control(0, { end: 0.9 }), ['control-1-apply.end_percent']],
    ['picture', inputFile('control0'), ['control-1-image.image']],
  ],
};

describe.each(Object.entries(CASES))('%s', (name, cases) => {
  it.each(cases)('%s changes its own inputs only', (_, change, expected) => {
    expect(changedBy(name as ExampleName, change)).toEqual([...expected].sort());
  });
});

const link = (graph: Graph, nodeId: string, input: string): unknown => graph[nodeId]?.inputs[input];

describe('a graph', () => {
  it('of ControlNets chains them in their order, each with the VAE, before every sampler', () => {
    const graph = graphOf('sd1-control-nets', {
      generation: () => ({ hires: { scale: 2, denoise: 0.5 } }),
    });
    expect(link(graph, 'control-1-apply', 'positive')).toEqual(['positive', 0]);
    expect(link(graph, 'control-1-apply', 'negative')).toEqual(['negative', 0]);
    for (const at of [2, 3, 4]) {
      expect(link(graph, `control-${at}-apply`, 'positive')).toEqual([
        `control-${at - 1}-apply`,
        0,
      ]);
      expect(link(graph, `control-${at}-apply`, 'negative')).toEqual([
        `control-${at - 1}-apply`,
        1,
      ]);
      expect(link(graph, `control-${at}-apply`, 'vae')).toEqual(['vae', 0]);
    }
    for (const sampler of ['sampler', 'hires-sampler']) {
      expect(link(graph, sampler, 'positive')).toEqual(['control-4-apply', 0]);
      expect(link(graph, sampler, 'negative')).toEqual(['control-4-apply', 1]);
    }
  });

  it('of a union ControlNet tells it the kind of its picture', () => {
    const graph = graphOf('sdxl-control-nets', {});
    expect(link(graph, 'control-1-type', 'type')).toBe('canny/lineart/anime_lineart/mlsd');
    expect(link(graph, 'control-1-apply', 'control_net')).toEqual(['control-1-type', 0]);
    expect(link(graph, 'control-2-apply', 'control_net')).toEqual(['control-2-model', 0]);
  });

  it('of a cut-out gives the ControlNet three channels', () => {
    const graph = graphOf('sd1-control-nets', {});
    expect(graph['control-4-opaque']).toEqual({
      class_type: 'SplitImageWithAlpha',
      inputs: { image: ['control-4-transformed', 0] },
    });
    expect(link(graph, 'control-4-apply', 'image')).toEqual(['control-4-opaque', 0]);
    expect(link(graph, 'control-1-apply', 'image')).toEqual(['control-1-transformed', 0]);
  });

  it('of a ControlNet for Flux leaves the guidance with the prompt', () => {
    const graph = graphOf('flux1-control-net', {});
    expect(link(graph, 'control-1-apply', 'positive')).toEqual(['guidance', 0]);
    expect(link(graph, 'sampler', 'positive')).toEqual(['control-1-apply', 0]);
  });

  it('with a mask keeps the pixels outside it, in the second pass too', () => {
    const graph = graphOf('sd1-inpaint-hires', {});
    expect(link(graph, 'sampler', 'latent_image')).toEqual(['masked-latent', 0]);
    expect(link(graph, 'painted', 'destination')).toEqual(['source', 0]);
    expect(link(graph, 'hires-image', 'image')).toEqual(['painted', 0]);
    expect(link(graph, 'hires-sampler', 'latent_image')).toEqual(['hires-masked-latent', 0]);
    expect(link(graph, 'hires-painted', 'destination')).toEqual(['hires-image', 0]);
    expect(link(graph, 'save', 'images')).toEqual(['hires-painted', 0]);
  });

  it('that only enlarges the picture it was given loads no model but the upscaler', () => {
    const graph = graphOf('sd1-upscale', {
      generation: () => ({ source: { image: { url: 'https://example.org/a.png' }, denoise: 0 } }),
    });
    expect(Object.keys(graph).sort()).toEqual(
      ['hires-image', 'hires-upscaled', 'hires-upscaler', 'save', 'source', 'source-image'].sort(),
    );
  });

  it('that enlarges without an upscaler and draws nothing over scales the pixels', () => {
    const graph = graphOf('sd1-hires', {
      generation: () => ({ hires: { scale: 1.25, denoise: 0 } }),
    });
    expect(link(graph, 'save', 'images')).toEqual(['hires-image', 0]);
    expect(link(graph, 'hires-image', 'image')).toEqual(['decode', 0]);
    expect(link(graph, 'hires-image', 'width')).toBe(640);
  });

  it('of a refiner divides the run, also the end of a longer one', () => {
    const run = (name: ExampleName, change: Change): unknown[] => {
      const graph = graphOf(name, change);
      return [
        link(graph, 'sampler', 'start_at_step'),
        link(graph, 'sampler', 'end_at_step'),
        link(graph, 'refiner-sampler', 'start_at_step'),
        link(graph, 'sampler', 'steps'),
      ];
    };
    expect(run('sdxl-refiner', {})).toEqual([0, 20, 20, 25]);
    // 25 steps of denoise 0.6 are the last of 41.
    expect(run('sdxl-image-to-image-refiner', {})).toEqual([16, 34, 34, 41]);
    const tiny = { generation: () => ({ steps: 2, refiner: { model: 'x', switchAt: 0.01 } }) };
    expect(run('sdxl-refiner', tiny)).toEqual([0, 1, 1, 2]);
    expect(run('sdxl-image-to-image-refiner', source({ denoise: 0.001 }))[3]).toBe(10_000);
  });

  it('needs every file it names', () => {
    expect(() => graphOf('sd1-image-to-image', { files: () => ({ inputs: {} }) })).toThrow(
      /the input file 'image', which was not resolved/,
    );
    expect(() => graphOf('sd1-control-nets', { files: () => ({ controlNets: [] }) })).toThrow(
      /the file of ControlNet 0/,
    );
  });
});
