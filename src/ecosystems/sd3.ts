import type { ComfySampling } from '../domain/schedulers.ts';
import type { EcosystemAdapter } from './adapter.ts';
import { placeEmbeddings } from './embedding-prompts.ts';
import { flowSampling } from './flow-sampling.ts';
import { chainLoras } from './lora-chain.ts';
import { loadModel } from './model-loaders.ts';
import { fillSkeleton } from './skeleton.ts';
import start from './skeletons/sd3/start.json' with { type: 'json' };
import textEncoders from './skeletons/sd3/text-encoders.json' with { type: 'json' };

/** Published with ComfyUI's `sgm_uniform`; https://comfyanonymous.github.io/ComfyUI_examples/sd3 */
export const sd3Sampling = (name: string): ComfySampling => flowSampling(name, 'sgm_uniform');

/**
 * Stable Diffusion 3.5 Large, Large Turbo and Medium, and 3 Medium, which have one graph: shift 3, 16 latent channels.
 * Clip skip is not looked at: the node would cut CLIP-L, CLIP-G and T5 alike, and no model was trained for that.
 */
export const sd3: EcosystemAdapter = {
  name: 'sd3',
  ingredients(generation, files) {
    const { width, height, cfgScale, scheduler } = generation;
    const loaded = loadModel('sd3', files, textEncoders);
    const loras = chainLoras(loaded, files.networks);
    const prompts = placeEmbeddings(generation, files.networks);
    const core = fillSkeleton(start, {
      ...prompts,
      model: loras.model,
      clip: loras.clip,
      width,
      height,
    });
    return {
      nodes: { ...loaded.nodes, ...loras.nodes, ...core },
      ...{ model: ['shift', 0], positive: ['positive', 0], negative: ['negative', 0] },
      ...{ vae: loaded.vae, cfg: cfgScale, sampling: sd3Sampling(scheduler), prompts },
    };
  },
};
