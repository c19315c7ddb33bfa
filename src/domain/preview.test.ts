import { describe, expect, it } from 'vitest';
import { MOST_PREVIEW_BYTES, previewType } from './preview.ts';

const bytes = (start: string, length = 40): Uint8Array => {
  const all = new Uint8Array(length);
  all.set(Buffer.from(start, 'latin1'));
  return all;
};

describe('previewType', () => {
  it.each([
    ['image/jpeg', '\xff\xd8\xff\xe0'],
    ['image/png', '\x89PNG\r\n\x1a\n'],
    ['image/webp', 'RIFF\x00\x00\x00\x00WEBPVP8 '],
  ])('knows %s by its first bytes', (type, start) => {
    expect(previewType(bytes(start))).toBe(type);
  });

  it.each([
    ['a page', bytes('<html>')],
    ['a sound', bytes('RIFF\x00\x00\x00\x00WAVE')],
    ['nothing', new Uint8Array()],
    ['a start alone', bytes('\xff\xd8\xff', 3)],
    ['more than is kept', bytes('\xff\xd8\xff', MOST_PREVIEW_BYTES + 1)],
  ])('takes no %s', (_, all) => {
    expect(previewType(all)).toBeUndefined();
  });
});
