import type { ComfySampling } from '../domain/schedulers.ts';
import type { EcosystemAdapter } from './adapter.ts';
import { placeEmbeddings } from './embedding-prompts.ts';
import { flowSampling } from './flow-sampling.ts';
import { chainLoras } from './lora-chain.ts';
import { loadModel } from './model-loaders.ts';
import { fillSkeleton } from './skeleton.ts';
import start from './skeletons/flux1/start.json' with { type: 'json' };
import textEncoders from './skeletons/flux1/text-encoders.json' with { type: 'json' };

/** Flux is trained for evenly spaced noise levels, ComfyUI's `simple`. */
export const fluxSampling = (name: string): ComfySampling => flowSampling(name, 'simple');

/**
 * Flux.1 dev, schnell and Krea. Guidance is distilled into the model: `cfgScale` is the guidance value and the sampler's
 * own cfg is 1, at which ComfyUI does not look at the negative prompt. Clip skip does not exist for its encoders.
 */
export const flux1: EcosystemAdapter = {
  name: 'flux1',
  ingredients(generation, files) {
    const { width, height, cfgScale, scheduler } = generation;
    const loaded = loadModel('flux1', files, textEncoders);
    const loras = chainLoras(loaded, files.networks);
    // The negative prompt is read, so that an embedding called only there does not end up in the positive one.
    const prompts = placeEmbeddings(generation, files.networks);
    const core = fillSkeleton(start, {
      prompt: prompts.prompt,
      clip: loras.clip,
      cfgScale,
      width,
      height,
    });
    return {
      nodes: { ...loaded.nodes, ...loras.nodes, ...core },
      ...{ model: loras.model, positive: ['guidance', 0], negative: ['negative', 0] },
      ...{ vae: loaded.vae, cfg: 1, sampling: fluxSampling(scheduler), prompts },
    };
  },
};
