import { describe, expect, it } from 'vitest';
import { canonicalScheduler, comfySampling, SCHEDULERS } from './schedulers.ts';

/** Spellings of the v2 API for the names of v1. */
const V2_SPELLINGS =
  'eulerA euler lms heun dpM2 dpM2A dpM2SA dpM2M dpmsde dpmFast dpmAdaptive lmsKarras dpM2Karras ' +
  'dpM2AKarras dpM2SAKarras dpM2MKarras dpmsdeKarras ddim plms uniPC undefined lcm ddpm deis dpM3MSDE';

describe('canonicalScheduler', () => {
  it('knows every v2 spelling', () => {
    for (const name of V2_SPELLINGS.split(' ')) {
      expect(SCHEDULERS, name).toContain(canonicalScheduler(name));
    }
  });

  it.each([
    ['EULERA', 'EulerA'],
    ['dpM2MKarras', 'DPM2MKarras'],
    ['DPM++ 2M Karras', 'DPM2MKarras'],
    ['Euler a', 'EulerA'],
    ['DPM2MSDEKarras', 'DPM2MSDEKarras'],
    ['HeunC', undefined],
    ['', undefined],
    ['constructor', undefined],
  ])('reads %j as %s', (name, canonical) => {
    expect(canonicalScheduler(name)).toBe(canonical);
  });

  it('keeps every canonical name as it is', () => {
    for (const name of SCHEDULERS) expect(canonicalScheduler(name)).toBe(name);
  });
});

/** Every name of the official v1 SDK's enum, then those of newer clients; written out so that a slip in the table shows. */
const SAMPLING: readonly (readonly [name: string, sampler: string, scheduler: string])[] = [
  ['EulerA', 'euler_ancestral', 'normal'],
  ['Euler', 'euler', 'normal'],
  ['LMS', 'lms', 'normal'],
  ['Heun', 'heun', 'normal'],
  ['DPM2', 'dpm_2', 'normal'],
  ['DPM2A', 'dpm_2_ancestral', 'normal'],
  ['DPM2SA', 'dpmpp_2s_ancestral', 'normal'],
  ['DPM2M', 'dpmpp_2m', 'normal'],
  ['DPMSDE', 'dpmpp_sde', 'normal'],
  ['DPMFast', 'dpm_fast', 'normal'],
  ['DPMAdaptive', 'dpm_adaptive', 'normal'],
  ['LMSKarras', 'lms', 'karras'],
  ['DPM2Karras', 'dpm_2', 'karras'],
  ['DPM2AKarras', 'dpm_2_ancestral', 'karras'],
  ['DPM2SAKarras', 'dpmpp_2s_ancestral', 'karras'],
  ['DPM2MKarras', 'dpmpp_2m', 'karras'],
  ['DPMSDEKarras', 'dpmpp_sde', 'karras'],
  ['DDIM', 'ddim', 'ddim_uniform'],
  ['PLMS', 'ipndm', 'normal'],
  ['UniPC', 'uni_pc', 'normal'],
  ['Undefined', 'euler_ancestral', 'normal'],
  ['LCM', 'lcm', 'sgm_uniform'],
  ['DDPM', 'ddpm', 'normal'],
  ['DEIS', 'deis', 'normal'],
  ['DPM2MSDE', 'dpmpp_2m_sde', 'normal'],
  ['DPM2MSDEKarras', 'dpmpp_2m_sde', 'karras'],
  ['DPM2MSDEExponential', 'dpmpp_2m_sde', 'exponential'],
  ['DPM3MSDE', 'dpmpp_3m_sde', 'normal'],
  ['DPM3MSDEKarras', 'dpmpp_3m_sde', 'karras'],
  ['DPM3MSDEExponential', 'dpmpp_3m_sde', 'exponential'],
];

describe('comfySampling', () => {
  it.each(SAMPLING)('%s is %s with %s', (name, sampler, scheduler) => {
    expect(comfySampling(name)).toMatchObject({ sampler, scheduler });
  });

  it('knows these names and no others', () => {
    expect([...SCHEDULERS].sort()).toEqual(SAMPLING.map(([name]) => name).sort());
  });

  it('says that PLMS is substituted, and nothing else', () => {
    expect(comfySampling('plms').substituted).toContain('no PLMS');
    const others = SCHEDULERS.filter((name) => comfySampling(name).substituted !== undefined);
    expect(others).toEqual(['PLMS']);
  });

  it('refuses an unknown name with the list of known ones', () => {
    expect(() => comfySampling('Dopri5')).toThrow(/"Dopri5" is not known. Use one of EulerA/);
  });
});
