import { describe, expect, it } from 'vitest';
import { TimeSpan, timeSpanMs } from './time-span.ts';
import { wireDuration } from './wire-time.ts';

describe('durations', () => {
  it.each<[unknown, number]>([
    ['00:00:01', 1_000],
    ['00:05', 300_000],
    ['00:00:58.8000000', 58_800],
    ['0:17:00', 1_020_000],
    ['1.02:03:04.5', 93_784_500],
    ['30.00:00:00', 2_592_000_000],
    [' 00:05:00 ', 300_000],
    [{ ticks: 3_000_000_000 }, 300_000],
    [{ ticks: 3_000_000_000, seconds: 7, totalSeconds: 9 }, 300_000],
    [{ totalSeconds: 90.5, minutes: 1 }, 90_500],
    [{ days: null, hours: 1, minutes: 2, seconds: 3, milliseconds: 4 }, 3_723_004],
    [{ minutes: 5, unknown: null }, 300_000],
  ])('%j is %i ms', (value, ms) => {
    expect(TimeSpan.safeParse(value).success).toBe(true);
    expect(timeSpanMs(value)).toBe(ms);
  });

  it.each([
    ...['', '5', '300', '00', 'five minutes', 'PT5M', '-00:05:00', '24:00:00', '00:60:00'],
    ...['00:00:60', '00:00:00', '00:00:00.9', '30.00:00:01', '1000.00:00:00', '00:00:01.'],
    ...['00:00:01.12345678', '1:2:3', 'x'.repeat(41), 'NaN', '１0:00:00'],
    ...[5, 300_000, true, [], ['00:05:00'], {}, { ticks: null }, { ticks: '5' }, { minutes: 'x' }],
    ...[{ ticks: 1 }, { minutes: -5 }, { seconds: 1e300 }, { fortnights: 1 }, { totalDays: 31 }],
  ])('%j is refused', (value) => {
    expect(TimeSpan.safeParse(value).success).toBe(false);
  });

  it('come back as they were written', () => {
    for (const text of ['00:00:58.8000000', '1.02:03:04.5000000'])
      expect(wireDuration(timeSpanMs(text) ?? 0)).toBe(text);
  });
});
