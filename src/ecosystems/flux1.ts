import { canonicalScheduler, comfySampling, type ComfySampling } from '../domain/schedulers.ts';
import type { EcosystemAdapter } from './adapter.ts';
import { placeEmbeddings } from './embedding-prompts.ts';
import { loadFlux } from './flux-loaders.ts';
import { chainLoras } from './lora-chain.ts';
import { fillSkeleton } from './skeleton.ts';
import textToImage from './skeletons/flux1/text-to-image.json' with { type: 'json' };

/**
 * Flux is trained for evenly spaced noise levels, ComfyUI's `simple`: it stands wherever the client named no schedule.
 * A named one (karras, sgm_uniform, …) is kept. Without any choice the sampler is euler, as Flux was published with.
 */
export const fluxSampling = (name: string): ComfySampling => {
  if (canonicalScheduler(name) === 'Undefined') return { sampler: 'euler', scheduler: 'simple' };
  const mapped = comfySampling(name);
  return mapped.scheduler === 'normal' ? { ...mapped, scheduler: 'simple' } : mapped;
};

/**
 * Flux.1 dev, schnell and Krea. Guidance is distilled into the model: `cfgScale` is the guidance value and the sampler's
 * own cfg is 1, at which ComfyUI does not look at the negative prompt. Clip skip does not exist for its encoders.
 */
export const flux1: EcosystemAdapter = {
  name: 'flux1',
  buildGraph(generation, files, outputPrefix) {
    const loaded = loadFlux(files);
    const loras = chainLoras(loaded, files.networks);
    const { prompt } = placeEmbeddings({ ...generation, negativePrompt: '' }, files.networks);
    const { sampler, scheduler } = fluxSampling(generation.scheduler);
    const core = fillSkeleton(textToImage, {
      prompt,
      width: generation.width,
      height: generation.height,
      seed: generation.seed,
      steps: generation.steps,
      cfgScale: generation.cfgScale,
      sampler,
      scheduler,
      model: loras.model,
      clip: loras.clip,
      vae: loaded.vae,
      outputPrefix,
    });
    return { ...loaded.nodes, ...loras.nodes, ...core };
  },
};
