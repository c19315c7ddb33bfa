import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { isOrchestratorError } from '../errors.ts';
import { createOutputInspector, type Inspection } from './output-inspector.ts';

/** A PNG of one black pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
/** Markers of a JPEG of 7 × 5 pixels; `before` stands between the start and the frame header. */
const jpeg = (before = 'ffe000084a4649460000', width = 7): Buffer =>
  Buffer.concat([
    Buffer.from(`ffd8${before}ffc0000b080005`, 'hex'),
    Buffer.from([width >> 8, width & 255]),
    Buffer.from('01011100ffda0004abcdffd9', 'hex'),
  ]);
const JPEG = jpeg();
/** A file of that size by its header alone. */
const png = (width: number, height: number): Buffer => {
  const bytes = Buffer.from(PNG);
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return bytes;
};
const webp = (kind: string, rest: string): Buffer =>
  Buffer.concat([
    Buffer.from('RIFF\u0004\u0000\u0000\u0000WEBP'),
    Buffer.from(kind),
    Buffer.from('00000000', 'hex'),
    Buffer.from(rest, 'hex'),
  ]);
const gif = (width: number, height: number): Buffer => {
  const bytes = Buffer.from('GIF89a-and-some-more-bytes');
  bytes.writeUInt16LE(width, 6);
  bytes.writeUInt16LE(height, 8);
  return bytes;
};

/** Passes the bytes through in pieces of that size and says what they are. */
async function inspect(bytes: Buffer, pieceBytes = 7): Promise<Inspection> {
  const inspector = createOutputInspector('x.png', 1_000_000);
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, index) =>
    bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes),
  );
  const passed = await buffer(Readable.from(pieces).pipe(inspector.stream));
  expect(passed.equals(bytes)).toBe(true);
  return inspector.inspection();
}

const refusal = async (bytes: Buffer): Promise<string> => {
  try {
    await inspect(bytes);
  } catch (error) {
    if (isOrchestratorError(error) && error.code === 'output_invalid') return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('the output inspector', () => {
  it('passes the bytes on and tells type and size, however they are cut into pieces', async () => {
    for (const pieceBytes of [1, 7, 12, 31, 32, 33, 1_000])
      expect(await inspect(PNG, pieceBytes)).toEqual({
        contentType: 'image/png',
        width: 1,
        height: 1,
      });
  });

  it.each([
    ['image/jpeg', JPEG, 7, 5],
    ['image/jpeg', jpeg(`ffe1ffff${'ab'.repeat(65_533)}ffffffd0ffe00002`), 7, 5],
    ['image/webp', webp('VP8 ', '3001009d012a40012000'), 320, 32],
    ['image/webp', webp('VP8L', '2f3f41070000'.padEnd(20, '0')), 320, 30],
    ['image/webp', webp('VP8X', '000000003f01001f0000'), 320, 32],
    ['image/gif', gif(320, 32), 320, 32],
  ])(
    'knows %s and its size, however it is cut into pieces',
    async (contentType, bytes, width, height) => {
      for (const pieceBytes of [3, 7, 100_000])
        expect(await inspect(bytes, pieceBytes)).toEqual({ contentType, width, height });
    },
  );

  it.each([
    ['more than a database can hold', png(0xffffffff, 0xffffffff)],
    ['a side of nothing', png(0, 512)],
    ['a little more than is taken', png(16_384, 16_385)],
    ['as many as a GIF can say', gif(65_535, 65_535)],
    ['no width', jpeg('', 0)],
  ])('refuses a header that says %s', async (_, bytes) => {
    expect(await refusal(bytes)).toContain('pixels; at most 268435456 are taken');
  });

  it('stops at the first byte too many, before the rest is read', async () => {
    const { stream } = createOutputInspector('x.png', PNG.length);
    const failed = once(stream, 'error');
    stream.write(PNG);
    stream.write(Buffer.from('x'));
    expect(await failed).toMatchObject([{ code: 'output_invalid' }]);
  });

  it('refuses every PNG that was cut off', async () => {
    for (let bytes = 8; bytes < PNG.length; bytes += 1)
      expect(await refusal(PNG.subarray(0, bytes))).toContain('x.png is a PNG that was cut off');
  });

  it.each([
    ['is empty', Buffer.alloc(0)],
    ['is a JPEG that was cut off', JPEG.subarray(0, -1)],
    ['is a JPEG without a size', Buffer.from('ffd8ffe000084a4649460000ffd9', 'hex')],
    ['is a PNG that was cut off', Buffer.concat([PNG.subarray(0, 8), PNG.subarray(-12)])],
    ['is a image/webp without a size', webp('EVIL', '00'.repeat(10))],
    ['which is no picture, video', Buffer.from('<html>504 Gateway Timeout</html>')],
    ['which is no picture, video', PNG.subarray(0, 5)],
  ])('refuses what %s', async (why, bytes) => {
    expect(await refusal(bytes)).toContain(why);
  });

  it('fails as its source does', async () => {
    const { stream } = createOutputInspector('x.png', 100);
    const failed = once(stream, 'error');
    stream.destroy(new Error('cut'));
    expect(await failed).toEqual([new Error('cut')]);
  });
});
