import type { Ecosystem } from '../domain/generation.ts';
import type { Graph } from '../domain/graphs/graph.ts';
import { comfySampling } from '../domain/schedulers.ts';
import type { EcosystemAdapter } from './adapter.ts';
import { skipClipLayers } from './clip-skip.ts';
import { placeEmbeddings } from './embedding-prompts.ts';
import { chainLoras } from './lora-chain.ts';
import { chooseVae } from './separate-vae.ts';
import { fillSkeleton } from './skeleton.ts';

export interface StableDiffusionModel {
  readonly name: Ecosystem;
  readonly start: Graph;
  /** Clip skip (A1111 counting) that the model has without any node. */
  readonly nativeClipSkip: number;
}

/** Adapter of models that ComfyUI loads as one checkpoint of model, text encoder and VAE. */
export const createStableDiffusion = ({
  name,
  start,
  nativeClipSkip,
}: StableDiffusionModel): EcosystemAdapter => ({
  name,
  ingredients(generation, files) {
    const { width, height, cfgScale, scheduler } = generation;
    const loras = chainLoras({ model: ['checkpoint', 0], clip: ['checkpoint', 1] }, files.networks);
    const skipped = skipClipLayers(loras.clip, generation.clipSkip, nativeClipSkip);
    const vae = chooseVae(['checkpoint', 2], files.networks);
    const prompts = placeEmbeddings(generation, files.networks);
    const core = fillSkeleton(start, {
      checkpoint: files.checkpoint.name,
      ...{ ...prompts, clip: skipped.clip, width, height },
    });
    return {
      nodes: { ...core, ...loras.nodes, ...skipped.nodes, ...vae.nodes },
      ...{ model: loras.model, positive: ['positive', 0], negative: ['negative', 0], vae: vae.vae },
      ...{ cfg: cfgScale, sampling: comfySampling(scheduler), prompts },
    };
  },
});
