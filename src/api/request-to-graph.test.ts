/** Every parameter of a request reaches its input of the graph, and losing it on the way is noticed here. */
import { describe, expect, it } from 'vitest';
import { changedInputs } from '../../test/fixtures/graph-inputs.ts';
import type { Network, TextToImage } from '../domain/generation.ts';
import { resourceKind, parseAir } from '../domain/air.ts';
import {
  acceptedGeneration,
  airsOf,
  apiWith,
  filesOf,
  graphOf,
} from './request-graph.test-support.ts';

interface Shape {
  readonly name: string;
  readonly ecosystem: 'sd1' | 'sdxl' | 'sd3' | 'flux1';
  readonly isBare?: true;
  readonly withEncoders?: true;
  /** Input that names the model's file, and the one that takes cfgScale. */
  readonly modelInput: string;
  readonly cfgInput: string;
  readonly hasNegative: boolean;
  readonly hasClipSkip: boolean;
}

const SHAPES: readonly Shape[] = [
  {
    name: 'sd1',
    ecosystem: 'sd1',
    modelInput: 'checkpoint.ckpt_name',
    cfgInput: 'sampler.cfg',
    hasNegative: true,
    hasClipSkip: true,
  },
  {
    name: 'sdxl',
    ecosystem: 'sdxl',
    modelInput: 'checkpoint.ckpt_name',
    cfgInput: 'sampler.cfg',
    hasNegative: true,
    hasClipSkip: true,
  },
  {
    name: 'sd3',
    ecosystem: 'sd3',
    modelInput: 'checkpoint.ckpt_name',
    cfgInput: 'sampler.cfg',
    hasNegative: true,
    hasClipSkip: false,
  },
  {
    name: 'sd3 without text encoders in its checkpoint',
    ecosystem: 'sd3',
    withEncoders: true,
    modelInput: 'checkpoint.ckpt_name',
    cfgInput: 'sampler.cfg',
    hasNegative: true,
    hasClipSkip: false,
  },
  {
    name: 'sd3 as a bare diffusion model',
    ecosystem: 'sd3',
    isBare: true,
    withEncoders: true,
    modelInput: 'diffusion-model.unet_name',
    cfgInput: 'sampler.cfg',
    hasNegative: true,
    hasClipSkip: false,
  },
  {
    name: 'flux1',
    ecosystem: 'flux1',
    modelInput: 'checkpoint.ckpt_name',
    cfgInput: 'guidance.guidance',
    hasNegative: false,
    hasClipSkip: false,
  },
  {
    name: 'flux1 as a bare diffusion model',
    ecosystem: 'flux1',
    isBare: true,
    withEncoders: true,
    modelInput: 'diffusion-model.unet_name',
    cfgInput: 'guidance.guidance',
    hasNegative: false,
    hasClipSkip: false,
  },
];

interface Change {
  readonly params?: Record<string, unknown>;
  readonly model?: string;
  readonly additionalNetworks?: Record<string, unknown>;
}

interface Case {
  readonly name: string;
  readonly change: Change;
  /** Inputs of the graph that change with it, and no others. */
  readonly inputs: readonly string[];
  /** The mutant: drops the parameter between request and graph. */
  readonly lose: (generation: TextToImage) => TextToImage;
}

const BASE_PARAMS = {
  prompt: 'a harbour, mystyle',
  negativePrompt: 'blurry',
  scheduler: 'DPM2MKarras',
  steps: 21,
  cfgScale: 6,
  width: 512,
  height: 768,
  seed: 11,
  clipSkip: 3,
};

const kindOf = (network: Network): string => resourceKind(parseAir(network.air).type ?? '');

const mapNetworks =
  (edit: (networks: readonly Network[]) => readonly Network[]) =>
  (generation: TextToImage): TextToImage => ({
    ...generation,
    networks: edit(generation.networks),
  });
const withoutKind = (kind: string) =>
  mapNetworks((all) => all.filter((network) => kindOf(network) !== kind));

function requestOf({ ecosystem, isBare }: Shape, change: Change): object {
  const airs = airsOf(ecosystem);
  const { params, ...rest } = change;
  return {
    $type: 'textToImage',
    model: isBare ? airs.bareModel : airs.model,
    additionalNetworks: {
      [airs.lora]: { strength: 0.8 },
      [airs.otherLora]: { strength: 0.4 },
      [airs.vae]: {},
      [airs.embedding]: { triggerWord: 'mystyle' },
    },
    ...rest,
    params: { ...BASE_PARAMS, ...params },
  };
}

function casesOf(shape: Shape): Case[] {
  const airs = airsOf(shape.ecosystem);
  const simple = (name: keyof typeof BASE_PARAMS, value: unknown, ...inputs: string[]): Case => ({
    name,
    change: { params: { [name]: value } },
    inputs,
    lose: (generation) => ({ ...generation, [name]: BASE_PARAMS[name] }),
  });
  const networks = (
    name: string,
    additionalNetworks: Record<string, unknown>,
    inputs: string[],
    lose: Case['lose'],
  ): Case => ({ name, change: { additionalNetworks }, inputs, lose });
  const rest = { [airs.vae]: {}, [airs.embedding]: { triggerWord: 'mystyle' } };
  const loras = { [airs.lora]: { strength: 0.8 }, [airs.otherLora]: { strength: 0.4 } };
  const loraInputs = (...nodes: string[]): string[] =>
    nodes.flatMap((node) => ['strength_clip', 'strength_model'].map((input) => `${node}.${input}`));
  return [
    simple('prompt', 'a lighthouse, mystyle', 'positive.text'),
    ...(shape.hasNegative ? [simple('negativePrompt', 'night', 'negative.text')] : []),
    simple('scheduler', 'DDIM', 'sampler.sampler_name', 'sampler.scheduler'),
    simple('steps', 22, 'sampler.steps'),
    simple('cfgScale', 4.5, shape.cfgInput),
    simple('width', 640, 'latent.width'),
    simple('height', 640, 'latent.height'),
    simple('seed', 4_294_967_295, 'sampler.seed'),
    ...(shape.hasClipSkip ? [simple('clipSkip', 4, 'clip-skip.stop_at_clip_layer')] : []),
    {
      name: 'model',
      change: { model: shape.isBare ? airs.otherBareModel : airs.otherModel },
      inputs: [shape.modelInput],
      lose: (generation) => ({ ...generation, model: shape.isBare ? airs.bareModel : airs.model }),
    },
    networks(
      'strength of the first LoRA',
      { [airs.lora]: { strength: 0.1 }, [airs.otherLora]: { strength: 0.4 }, ...rest },
      loraInputs('lora-1'),
      mapNetworks((all) => all.map((network) => ({ ...network, strength: 1 }))),
    ),
    networks(
      'strength of the second LoRA',
      { [airs.lora]: { strength: 0.8 }, [airs.otherLora]: { strength: -1 }, ...rest },
      loraInputs('lora-2'),
      mapNetworks((all) => all.filter(({ air }) => air !== airs.otherLora)),
    ),
    networks(
      'order of the LoRAs',
      { [airs.otherLora]: { strength: 0.4 }, [airs.lora]: { strength: 0.8 }, ...rest },
      [...loraInputs('lora-1', 'lora-2'), 'lora-1.lora_name', 'lora-2.lora_name'],
      mapNetworks((all) => [...all].sort((a, b) => (a.air < b.air ? -1 : 1))),
    ),
    networks(
      'VAE',
      { ...loras, [airs.otherVae]: {}, [airs.embedding]: { triggerWord: 'mystyle' } },
      ['vae.vae_name'],
      withoutKind('vae'),
    ),
    networks(
      'embedding',
      { ...loras, [airs.vae]: {}, [airs.otherEmbedding]: { triggerWord: 'mystyle' } },
      ['positive.text'],
      withoutKind('embedding'),
    ),
    networks(
      'strength of an embedding',
      { ...loras, [airs.vae]: {}, [airs.embedding]: { triggerWord: 'mystyle', strength: 0.5 } },
      ['positive.text'],
      mapNetworks((all) => all.map((network) => ({ ...network, strength: 1 }))),
    ),
    networks(
      'trigger word of an embedding',
      { ...loras, [airs.vae]: {}, [airs.embedding]: { triggerWord: 'harbour' } },
      ['positive.text'],
      mapNetworks((all) => all.map(({ air, strength }) => ({ air, strength }))),
    ),
  ];
}

describe.each(SHAPES.map((shape) => [shape.name, shape] as const))('%s', (_name, shape) => {
  const files = filesOf(shape.withEncoders === true);
  const changed = async (
    change: Change,
    way: (generation: TextToImage) => TextToImage = (generation) => generation,
  ): Promise<string[]> => {
    const api = apiWith({ ecosystem: shape.ecosystem, files });
    const [before, after] = [
      await acceptedGeneration(api, requestOf(shape, {})),
      await acceptedGeneration(api, requestOf(shape, change)),
    ];
    return changedInputs(graphOf(way(before), files), graphOf(way(after), files));
  };

  it.each(casesOf(shape).map((one) => [one.name, one] as const))(
    '%s changes its own inputs only, and its loss shows',
    async (_case, { change, inputs, lose }) => {
      expect(await changed(change)).toEqual([...inputs].sort());
      expect(await changed(change, lose)).not.toEqual([...inputs].sort());
    },
  );

  if (!shape.hasNegative)
    it('takes no negative prompt, which its models do not have', async () => {
      expect(await changed({ params: { negativePrompt: 'night' } })).toEqual([]);
    });

  if (!shape.hasClipSkip)
    it('takes no clip skip, which its models do not have', async () => {
      expect(await changed({ params: { clipSkip: 4 } })).toEqual([]);
    });
});
