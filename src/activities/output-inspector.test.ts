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
const JPEG = Buffer.from('ffd8ffe000104a464946000101ffd9', 'hex');

/** Passes the bytes through in pieces of that size and says what they are. */
async function inspect(bytes: Buffer, pieceBytes = 7): Promise<Inspection> {
  const inspector = createOutputInspector();
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, index) =>
    bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes),
  );
  expect(await buffer(Readable.from(pieces).pipe(inspector.stream))).toEqual(bytes);
  return inspector.inspect('x.png');
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
    ['image/jpeg', JPEG],
    ['image/webp', Buffer.from('RIFF\u0004\u0000\u0000\u0000WEBPVP8 ')],
    ['image/gif', Buffer.from('GIF89a-and-some-more-bytes')],
  ])('knows %s', async (contentType, bytes) => {
    expect(await inspect(bytes)).toEqual({ contentType });
  });

  it('refuses every PNG that was cut off', async () => {
    for (let bytes = 8; bytes < PNG.length; bytes += 1)
      expect(await refusal(PNG.subarray(0, bytes))).toContain('x.png is a PNG that was cut off');
  });

  it.each([
    ['is empty', Buffer.alloc(0)],
    ['is a JPEG that was cut off', JPEG.subarray(0, -1)],
    ['which is no image', Buffer.from('<html>504 Gateway Timeout</html>')],
    ['which is no image', PNG.subarray(0, 5)],
  ])('refuses what %s', async (why, bytes) => {
    expect(await refusal(bytes)).toContain(why);
  });

  it('fails as its source does', async () => {
    const { stream } = createOutputInspector();
    const failed = once(stream, 'error');
    stream.destroy(new Error('cut'));
    expect(await failed).toEqual([new Error('cut')]);
  });
});
