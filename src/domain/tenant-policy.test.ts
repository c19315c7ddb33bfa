import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fairnessKeyOf } from './tenant-policy.ts';

describe('a fairness key', () => {
  it('is the name of the tenant', () => {
    expect(fairnessKeyOf('local')).toBe('local');
  });

  it('has at most 64 bytes, whatever the tenant is called', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (tenant) => {
        expect(Buffer.byteLength(fairnessKeyOf(tenant))).toBeLessThanOrEqual(64);
      }),
    );
  });

  it('tells long names apart that begin alike', () => {
    const long = 'tenant-'.repeat(12);
    expect(fairnessKeyOf(`${long}1`)).not.toBe(fairnessKeyOf(`${long}2`));
  });
});
