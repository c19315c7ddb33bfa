import type { Ecosystem, Graph } from '../domain/generation.ts';
import { comfySampling } from '../domain/schedulers.ts';
import type { EcosystemAdapter } from './adapter.ts';
import { skipClipLayers } from './clip-skip.ts';
import { placeEmbeddings } from './embedding-prompts.ts';
import { chainLoras } from './lora-chain.ts';
import { chooseVae } from './separate-vae.ts';
import { samplingHoles } from './sampling-holes.ts';
import { fillSkeleton } from './skeleton.ts';

export interface StableDiffusionModel {
  readonly name: Ecosystem;
  readonly textToImage: Graph;
  /** Clip skip (A1111 counting) that the model has without any node. */
  readonly nativeClipSkip: number;
}

/** Adapter of models that ComfyUI loads as one checkpoint of model, text encoder and VAE. */
export const createStableDiffusion = ({
  name,
  textToImage,
  nativeClipSkip,
}: StableDiffusionModel): EcosystemAdapter => ({
  name,
  buildGraph(generation, files, outputPrefix) {
    const loras = chainLoras({ model: ['checkpoint', 0], clip: ['checkpoint', 1] }, files.networks);
    const skipped = skipClipLayers(loras.clip, generation.clipSkip, nativeClipSkip);
    const vae = chooseVae(['checkpoint', 2], files.networks);
    const { prompt, negativePrompt } = placeEmbeddings(generation, files.networks);
    const core = fillSkeleton(textToImage, {
      checkpoint: files.checkpoint.name,
      prompt,
      negativePrompt,
      ...samplingHoles(generation, comfySampling(generation.scheduler)),
      model: loras.model,
      clip: skipped.clip,
      vae: vae.vae,
      outputPrefix,
    });
    return { ...core, ...loras.nodes, ...skipped.nodes, ...vae.nodes };
  },
});
