import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { blobKeyFor, storageKeyFor } from './keys.ts';

const JOB = '37d9d863-7928-41c1-bc83-626c00995137';

describe('blobKeyFor', () => {
  it('is 26 characters of Crockford base32 and the extension', () => {
    expect(blobKeyFor(JOB, 0, 'png')).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}\.png$/);
  });

  it('writes the leading 130 bits of the digest', () => {
    const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
    const bits = [...createHash('sha256').update(`blob\n${JOB}\n0`).digest()]
      .map((byte) => byte.toString(2).padStart(8, '0'))
      .join('');
    const expected = Array.from({ length: 26 }, (_, index) =>
      alphabet.charAt(parseInt(bits.slice(index * 5, index * 5 + 5), 2)),
    ).join('');
    expect(blobKeyFor(JOB, 0, 'png')).toBe(`${expected}.png`);
  });

  it('differs by job and slot only', () => {
    expect(blobKeyFor(JOB, 0, 'png')).toBe(blobKeyFor(JOB.toUpperCase(), 0, 'png'));
    expect(blobKeyFor(JOB, 1, 'png')).not.toBe(blobKeyFor(JOB, 0, 'png'));
    expect(blobKeyFor(JOB, 11, 'png')).not.toBe(blobKeyFor(`${JOB}\n1`, 1, 'png'));
  });
});

describe('storageKeyFor', () => {
  it('is a relative path spread over folders', () => {
    const key = storageKeyFor(JOB, 1, 1, 0, 'png');
    expect(key).toMatch(/^outputs\/([0-9A-Z]{2})\/\1[0-9A-Z]{24}\.png$/);
  });

  it('is different for every run index, attempt and slot, and not guessable from the public id', () => {
    const keys = [1, 2, 12].flatMap((run) =>
      [1, 2, 21].flatMap((attempt) =>
        [0, 1].map((slot) => storageKeyFor(JOB, run, attempt, slot, 'png')),
      ),
    );
    expect(new Set(keys).size).toBe(keys.length);
    expect(storageKeyFor(JOB, 1, 1, 0, 'png')).not.toContain(blobKeyFor(JOB, 0, 'png'));
  });

  it.each(['../x', 'PNG', '', 'p/g', '.png', 'toolongext'])(
    'refuses the extension %j',
    (extension) => {
      expect(() => storageKeyFor(JOB, 1, 1, 0, extension)).toThrow(/not usable/);
      expect(() => blobKeyFor(JOB, 0, extension)).toThrow(/not usable/);
    },
  );
});
