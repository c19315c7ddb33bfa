import { describe, expect, it } from 'vitest';
import { loadConfig } from '../config.ts';
import { VARIABLES } from '../config-variables.ts';
import { LIMITED, ownTimeLimits, TIME_LIMITS_MS } from '../domain/time-limits.ts';

const read = (text: string) => loadConfig({ TIME_LIMITS: text }).TIME_LIMITS ?? {};

describe('TIME_LIMITS', () => {
  it('changes those that it names', () => {
    expect(read('image=90s/2h, task=5m')).toEqual({
      image: { one: 90_000, all: 7_200_000 },
      task: { one: 300_000, all: TIME_LIMITS_MS.task.all },
    });
    expect(loadConfig({}).TIME_LIMITS).toBeUndefined();
  });

  it('is documented with the values that hold without it', () => {
    const usual = /`(prepare=.*)`$/.exec(VARIABLES.TIME_LIMITS.about)?.[1] ?? '';
    expect(Object.keys(read(usual))).toEqual([...LIMITED]);
    expect(read(usual)).toEqual(TIME_LIMITS_MS);
  });

  it.each([
    ['picture=1m/2m', /'picture=1m\/2m' is not name=try\/all/],
    ['image=1m', /is not name=try\/all/],
    ['task=1m/2m', /is not name=try\/all/],
    ['image=1d/2d', /is not name=try\/all/],
    ['image=0s/2h', /not between 1s and 720h/],
    ['image=1h/721h', /not between 1s and 720h/],
    ['image=2h/1h', /gives all tries less time than one/],
    ['image=1m/2m,image=1m/3m', /twice/],
    ['image=1m/2m,', /'' is not name=try\/all/],
  ])('refuses %s', (text, why) => {
    expect(() => read(text)).toThrow(why);
    expect(() => read(text)).toThrow(/TIME_LIMITS: seen '.*Example: TIME_LIMITS=/);
  });

  it('travels with a job only as far as the job needs it', () => {
    const limits = read('prepare=1m/2m,video=1h/2h');
    expect(ownTimeLimits(limits, 'video')).toEqual(limits);
    expect(ownTimeLimits(limits, 'image')).toEqual({ prepare: limits['prepare'] });
    expect(ownTimeLimits(read('video=1h/2h'), 'image')).toBeUndefined();
  });
});
