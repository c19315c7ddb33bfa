import { describe, expect, it } from 'vitest';
import { retryAfterMs } from './retry-after.ts';

const NOW = Date.parse('1994-11-06T08:00:00Z');
const LATER_MS = 49 * 60_000 + 37_000;

describe('what Retry-After asks for', () => {
  it.each([
    ['0', 0],
    ['120', 120_000],
    [' 7 ', 7_000],
    ['999999999999999', 999_999_999_999_999_000],
    ['Sun, 06 Nov 1994 08:49:37 GMT', LATER_MS],
    ['Sunday, 06-Nov-94 08:49:37 GMT', LATER_MS],
    ['Sun Nov  6 08:49:37 1994', LATER_MS],
    ['Sun, 06 Nov 1994 07:00:00 GMT', 0],
  ])('%j is %d ms', (text, ms) => {
    expect(retryAfterMs(text, undefined, NOW)).toBe(ms);
  });

  it.each([
    undefined,
    '',
    '-1',
    '1.5',
    '1e3',
    '0x10',
    'Infinity',
    '9'.repeat(400),
    'soon',
    '2026-11-22T00:00:00Z',
    'Sun, 06 Nov 1994 08:49:37 +0200',
    'Sun, 99 Nov 1994 08:49:37 GMT',
    'Sun, 06 Xyz 1994 08:49:37 GMT',
    '120, 3600',
    '１２',
  ])('nothing is read from %j', (text) => {
    expect(retryAfterMs(text, undefined, NOW)).toBeUndefined();
  });

  it('counts a date from the clock of whoever sent it', () => {
    const asked = 'Sun, 06 Nov 1994 08:49:37 GMT';
    expect(retryAfterMs(asked, 'Sun, 06 Nov 1994 08:49:07 GMT', NOW)).toBe(30_000);
    expect(retryAfterMs(asked, 'some time', NOW)).toBe(LATER_MS);
  });
});
