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

describe('comfySampling', () => {
  it.each([
    ['EulerA', 'euler_ancestral', 'normal'],
    ['DPM2SAKarras', 'dpmpp_2s_ancestral', 'karras'],
    ['DPM3MSDEExponential', 'dpmpp_3m_sde', 'exponential'],
    ['DDIM', 'ddim', 'ddim_uniform'],
    ['LCM', 'lcm', 'sgm_uniform'],
    ['Undefined', 'euler_ancestral', 'normal'],
  ])('%s is %s with %s', (name, sampler, scheduler) => {
    expect(comfySampling(name)).toEqual({ sampler, scheduler });
  });

  it('says that PLMS is substituted', () => {
    expect(comfySampling('plms')).toMatchObject({ sampler: 'ipndm' });
    expect(comfySampling('plms').substituted).toContain('no PLMS');
  });

  it('refuses an unknown name with the list of known ones', () => {
    expect(() => comfySampling('Dopri5')).toThrow(/"Dopri5" is not known. Use one of EulerA/);
  });
});
