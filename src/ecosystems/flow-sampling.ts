import { canonicalScheduler, comfySampling, type ComfySampling } from '../domain/schedulers.ts';

/**
 * Sampling of models trained by flow matching: `schedule`, the one they were published with, stands wherever the client
 * named none (`normal`). A named one (karras, ddim_uniform, …) is kept. Without any choice the sampler is euler.
 */
export const flowSampling = (name: string, schedule: string): ComfySampling => {
  if (canonicalScheduler(name) === 'Undefined') return { sampler: 'euler', scheduler: schedule };
  const mapped = comfySampling(name);
  return mapped.scheduler === 'normal' ? { ...mapped, scheduler: schedule } : mapped;
};
