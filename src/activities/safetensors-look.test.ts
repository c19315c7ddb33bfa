import { describe, expect, it } from 'vitest';
import { createSafetensorsLook } from './safetensors-look.ts';

const fileOf = (header: string, data: number): Buffer => {
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  return Buffer.concat([size, Buffer.from(header), Buffer.alloc(data)]);
};
const WHOLE = fileOf(
  JSON.stringify({
    __metadata__: { a: 'b' },
    x: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
  }),
  8,
);
const isWhole = (bytes: Buffer, chunkBytes = bytes.length || 1): boolean => {
  const look = createSafetensorsLook();
  for (let at = 0; at < bytes.length; at += chunkBytes)
    look.read(bytes.subarray(at, at + chunkBytes));
  return look.isWhole();
};

describe('a safetensors file', () => {
  it.each([1, 3, 7, 8, 9, 64, 10_000])('is whole, read %i bytes at a time', (bytes) => {
    expect(isWhole(WHOLE, bytes)).toBe(true);
  });

  it('is not whole when it is cut off anywhere, or has more', () => {
    for (let bytes = 0; bytes < WHOLE.length; bytes += 1)
      expect(isWhole(WHOLE.subarray(0, bytes)), `${bytes}`).toBe(false);
    expect(isWhole(Buffer.concat([WHOLE, Buffer.alloc(1)]))).toBe(false);
  });

  it.each([
    ['no JSON', fileOf('nonsense', 8)],
    ['null', fileOf('null', 0)],
    ['a tensor without a place', fileOf('{"x":{}}', 0)],
    ['a tensor that is none', fileOf('{"x":null}', 0)],
    ['a header larger than the format allows', Buffer.from('ffffffffffffffff00', 'hex')],
    ['an empty header', fileOf('', 0)],
  ])('is none with %s', (_what, bytes) => {
    expect(isWhole(bytes)).toBe(false);
  });
});
