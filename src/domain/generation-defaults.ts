import type { Ecosystem } from './generation.ts';
import type { Scheduler } from './schedulers.ts';

interface GenerationDefaults {
  readonly scheduler: Scheduler;
  readonly steps: number;
  readonly cfgScale: number;
}

/**
 * What a request that leaves these out gets; the values the families were published with.
 * https://comfyanonymous.github.io/ComfyUI_examples/sd3, https://comfyanonymous.github.io/ComfyUI_examples/flux
 */
export const GENERATION_DEFAULTS: Readonly<Record<Ecosystem, GenerationDefaults>> = {
  sd1: { scheduler: 'EulerA', steps: 20, cfgScale: 7 },
  sdxl: { scheduler: 'EulerA', steps: 20, cfgScale: 7 },
  sd3: { scheduler: 'Euler', steps: 20, cfgScale: 4.5 },
  flux1: { scheduler: 'Euler', steps: 20, cfgScale: 3.5 },
};
