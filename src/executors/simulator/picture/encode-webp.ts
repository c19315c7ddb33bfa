import type { Bitmap } from './bitmap.ts';

/** Bits of a lossless WebP: least significant first. */
const createBitWriter = (size: number) => {
  const bytes = Buffer.alloc(size);
  let at = 0;
  return {
    write: (value: number, length: number): void => {
      for (let bit = 0; bit < length; bit++, at++) {
        if ((value >> bit) & 1) bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (1 << (at & 7));
      }
    },
    end: (): Buffer => bytes.subarray(0, (at + 7) >> 3),
  };
};
type BitWriter = ReturnType<typeof createBitWriter>;

/** A prefix code that gives each of 256 symbols eight bits, in an alphabet that may be longer. */
const writeFlatCode = (bits: BitWriter): void => {
  bits.write(0, 1);
  // Lengths are written with a code of their own: twelve entries, in the format's order, up to the symbol 8.
  bits.write(12 - 4, 4);
  for (const symbol of [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8]) bits.write(symbol === 8 ? 1 : 0, 3);
  // Only 256 lengths follow; the only symbol of that code needs no bits.
  bits.write(1, 1);
  bits.write(3, 3);
  bits.write(256 - 2, 8);
};

/** A prefix code of a single symbol, which then needs no bits. */
const writeSingleCode = (bits: BitWriter, symbol: number): void => {
  bits.write(1, 1);
  bits.write(0, 1);
  bits.write(1, 1);
  bits.write(symbol, 8);
};

const REVERSED = Uint8Array.from({ length: 256 }, (_unused, value) => {
  let out = 0;
  for (let bit = 0; bit < 8; bit++) out |= ((value >> bit) & 1) << (7 - bit);
  return out;
});

/** The picture as a VP8L stream, not compressed: three bytes a pixel (RFC 9649, section 3). Alpha is left out. */
const losslessStream = (bitmap: Bitmap): Buffer => {
  const { width, height, channels, data } = bitmap;
  const bits = createBitWriter(width * height * 3 + 64);
  bits.write(0x2f, 8);
  bits.write(width - 1, 14);
  bits.write(height - 1, 14);
  // No alpha, version 0, no transform, no colour cache, one group of codes.
  bits.write(0, 1 + 3 + 1 + 1 + 1);
  writeFlatCode(bits);
  writeFlatCode(bits);
  writeFlatCode(bits);
  writeSingleCode(bits, 255);
  writeSingleCode(bits, 0);
  for (let at = 0; at < width * height * channels; at += channels) {
    for (const channel of [1, 0, 2]) bits.write(REVERSED[data[at + channel] ?? 0] ?? 0, 8);
  }
  return bits.end();
};

const chunk = (type: string, body: Buffer): Buffer => {
  const head = Buffer.alloc(8);
  head.write(type, 0, 'latin1');
  head.writeUInt32LE(body.length, 4);
  return Buffer.concat([head, body, Buffer.alloc(body.length & 1)]);
};

const riff = (...chunks: readonly Buffer[]): Buffer =>
  chunk('RIFF', Buffer.concat([Buffer.from('WEBP'), ...chunks]));

const uint24 = (value: number): number[] => [value & 255, (value >> 8) & 255, (value >> 16) & 255];

/** A lossless WebP, larger than a real encoder's. */
export const encodeWebp = (bitmap: Bitmap): Buffer => riff(chunk('VP8L', losslessStream(bitmap)));

/** An animated lossless WebP that repeats; all frames of the first one's size. */
export const encodeAnimatedWebp = (frames: readonly [Bitmap, ...Bitmap[]], fps: number): Buffer => {
  const [{ width, height }] = frames;
  const size = [...uint24(width - 1), ...uint24(height - 1)];
  const duration = Math.max(1, Math.round(1000 / fps));
  return riff(
    chunk('VP8X', Buffer.from([0x02, 0, 0, 0, ...size])),
    chunk('ANIM', Buffer.from([0, 0, 0, 0, 0, 0])),
    ...frames.map((frame) =>
      chunk(
        'ANMF',
        Buffer.concat([
          Buffer.from([0, 0, 0, 0, 0, 0, ...size, ...uint24(duration), 0x02]),
          chunk('VP8L', losslessStream(frame)),
        ]),
      ),
    ),
  );
};
