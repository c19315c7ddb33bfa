import { describe, expect, it } from 'vitest';
import { isTooOld } from './version.ts';

describe('isTooOld', () => {
  it.each(['0.3.63', '0.2.99', 'v0.3.9', '0.3'])('calls %s older than 0.3.64', (version) => {
    expect(isTooOld(version, '0.3.64')).toBe(true);
  });

  it.each(['0.3.64', '0.3.100', '0.10.0', '1.0', 'v0.38.1-4-gabc', 'nightly'])(
    'lets %s pass',
    (version) => {
      expect(isTooOld(version, '0.3.64')).toBe(false);
    },
  );
});
