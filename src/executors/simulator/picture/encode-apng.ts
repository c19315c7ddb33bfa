import type { Bitmap } from './bitmap.ts';
import { pngChunk } from './png-chunk.ts';
import { encodePngParts } from './encode-png.ts';

const uint32 = (...values: readonly number[]): Buffer => {
  const out = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => out.writeUInt32BE(value, index * 4));
  return out;
};

/** An animated PNG (https://www.w3.org/TR/png-3/#apng-frame-based-animation) that repeats; all frames of the first one's size. */
export const encodeApng = async (
  frames: readonly [Bitmap, ...Bitmap[]],
  fps: number,
  text: Readonly<Record<string, string>> = {},
): Promise<Buffer> => {
  const [first, ...rest] = frames;
  const { head, pixels } = await encodePngParts(first, text);
  let sequence = 0;
  const control = (): Buffer =>
    pngChunk(
      'fcTL',
      Buffer.concat([
        uint32(sequence++, first.width, first.height, 0, 0),
        delayOf(fps),
        // No disposal, no blending.
        Buffer.from([0, 0]),
      ]),
    );
  const parts = [head, pngChunk('acTL', uint32(frames.length, 0)), control()];
  parts.push(pngChunk('IDAT', pixels));
  for (const frame of rest) {
    parts.push(control());
    const { pixels: next } = await encodePngParts(frame, {});
    parts.push(pngChunk('fdAT', Buffer.concat([uint32(sequence++), next])));
  }
  return Buffer.concat([...parts, pngChunk('IEND', new Uint8Array())]);
};

/** A fraction of a second. */
const delayOf = (fps: number): Buffer => {
  const delay = Buffer.alloc(4);
  delay.writeUInt16BE(1000, 0);
  delay.writeUInt16BE(Math.min(65_535, Math.round(fps * 1000)), 2);
  return delay;
};
