/** Civitai scheduler names and what they are called on ComfyUI's KSampler. Pure. */
import { OrchestratorError } from '../errors.ts';

export interface ComfySampling {
  /** `sampler_name` of KSampler. */
  readonly sampler: string;
  /** `scheduler` of KSampler. */
  readonly scheduler: string;
  /** Why this is not exactly what was asked for. */
  readonly substituted?: string;
}

const sampling = (sampler: string, scheduler = 'normal'): ComfySampling => ({ sampler, scheduler });

/**
 * The enum of the official v1 SDK, then members that only newer clients send.
 * `DPM2SA`, `DPM2M` and `DPMSDE` are DPM++ 2S a, 2M and SDE; `DPM2` and `DPM2A` are k-diffusion's DPM2.
 * https://github.com/civitai/civitai-javascript (src/models/Scheduler.ts)
 */
const TABLE = {
  EulerA: sampling('euler_ancestral'),
  Euler: sampling('euler'),
  LMS: sampling('lms'),
  Heun: sampling('heun'),
  DPM2: sampling('dpm_2'),
  DPM2A: sampling('dpm_2_ancestral'),
  DPM2SA: sampling('dpmpp_2s_ancestral'),
  DPM2M: sampling('dpmpp_2m'),
  DPMSDE: sampling('dpmpp_sde'),
  DPMFast: sampling('dpm_fast'),
  DPMAdaptive: sampling('dpm_adaptive'),
  LMSKarras: sampling('lms', 'karras'),
  DPM2Karras: sampling('dpm_2', 'karras'),
  DPM2AKarras: sampling('dpm_2_ancestral', 'karras'),
  DPM2SAKarras: sampling('dpmpp_2s_ancestral', 'karras'),
  DPM2MKarras: sampling('dpmpp_2m', 'karras'),
  DPMSDEKarras: sampling('dpmpp_sde', 'karras'),
  DDIM: sampling('ddim', 'ddim_uniform'),
  PLMS: {
    ...sampling('ipndm'),
    substituted: 'ComfyUI has no PLMS; ipndm, a pseudo multistep method of the same order, is used',
  },
  UniPC: sampling('uni_pc'),
  Undefined: sampling('euler_ancestral'),
  LCM: sampling('lcm', 'sgm_uniform'),
  DDPM: sampling('ddpm'),
  DEIS: sampling('deis'),
  DPM2MSDE: sampling('dpmpp_2m_sde'),
  DPM2MSDEKarras: sampling('dpmpp_2m_sde', 'karras'),
  DPM2MSDEExponential: sampling('dpmpp_2m_sde', 'exponential'),
  DPM3MSDE: sampling('dpmpp_3m_sde'),
  DPM3MSDEKarras: sampling('dpmpp_3m_sde', 'karras'),
  DPM3MSDEExponential: sampling('dpmpp_3m_sde', 'exponential'),
} as const satisfies Record<string, ComfySampling>;

export type Scheduler = keyof typeof TABLE;

/** Canonical names; `Undefined` means that the service chooses. */
export const SCHEDULERS = Object.keys(TABLE) as readonly Scheduler[];

// v1 writes DPM2MKarras, v2 dpM2MKarras, A1111 "DPM++ 2M Karras": one key for the three.
const keyOf = (name: string): string => name.toLowerCase().replace(/[\s+_-]/g, '');

const BY_KEY = new Map(SCHEDULERS.map((name) => [keyOf(name), name]));

/** Canonical spelling of a scheduler name in any casing, or undefined when there is no such scheduler. */
export const canonicalScheduler = (name: string): Scheduler | undefined => BY_KEY.get(keyOf(name));

/** Sampler and schedule for KSampler. Throws `invalid_request` for a name that is not in `SCHEDULERS`. */
export const comfySampling = (name: string): ComfySampling => {
  const canonical = canonicalScheduler(name);
  if (canonical !== undefined) return TABLE[canonical];
  throw new OrchestratorError(
    'invalid_request',
    `Scheduler ${JSON.stringify(name.slice(0, 80))} is not known. Use one of ${SCHEDULERS.join(', ')}.`,
  );
};
