import type { Generation } from '../domain/generation.ts';
import type { ComfySampling } from '../domain/schedulers.ts';

/** What every skeleton's latent and sampler take. */
export const samplingHoles = (
  { width, height, seed, steps, cfgScale }: Generation,
  { sampler, scheduler }: ComfySampling,
) => ({ width, height, seed, steps, cfgScale, sampler, scheduler });
