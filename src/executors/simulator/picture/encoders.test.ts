import { describe, expect, it } from 'vitest';
import { createBitmap } from './bitmap.ts';
import { encodeJpeg } from './encode-jpeg.ts';
import { encodeAnimatedWebp, encodeWebp } from './encode-webp.ts';
import { encodeApng } from './encode-apng.ts';
import { encodeMp4 } from './encode-mp4.ts';
import { decodePng } from './decode-png.ts';

/** Names and bodies of the boxes of an MP4, one level. */
const boxes = (bytes: Buffer): [string, Buffer][] => {
  const found: [string, Buffer][] = [];
  for (let at = 0; at < bytes.length; at += bytes.readUInt32BE(at)) {
    const size = bytes.readUInt32BE(at);
    found.push([bytes.toString('latin1', at + 4, at + 8), bytes.subarray(at + 8, at + size)]);
  }
  return found;
};

describe('encoders', () => {
  it('write a JPEG whose flat colour is one coefficient a block', () => {
    const grey = encodeJpeg(createBitmap(16, 8, [128, 128, 128]));
    // Twice: luminance 00 (no change) 1010 (end), both chrominances 00 00; filled up with ones.
    const scan = grey.subarray(grey.indexOf(Buffer.from([0xff, 0xda])) + 14, -2);
    expect(scan.toString('hex')).toBe('2800a00f');
    expect([grey.readUInt16BE(0), grey.readUInt16BE(grey.length - 2)]).toEqual([0xffd8, 0xffd9]);
  });

  it('spend more bytes on a higher quality and stuff every byte of ones', () => {
    const noise = createBitmap(64, 64);
    noise.data.forEach((_value, index) => {
      noise.data[index] = (index * 7919) % 256;
    });
    const [low, high] = [encodeJpeg(noise, 10), encodeJpeg(noise, 95)];
    expect(high.length).toBeGreaterThan(low.length * 2);
    const scan = high.subarray(high.indexOf(Buffer.from([0xff, 0xda])) + 14, -2);
    const unstuffed = scan.filter((byte, at) => byte === 0xff && scan[at + 1] !== 0);
    expect([...unstuffed]).toEqual([]);
  });

  it('write a WebP of its size, and an animated one with a frame for each picture', () => {
    const frames = [createBitmap(20, 10, [1, 2, 3]), createBitmap(20, 10, [3, 2, 1])] as const;
    const still = encodeWebp(frames[0]);
    expect(still.readUInt32LE(4)).toBe(still.length - 8);
    expect(still.readUInt32LE(21) & 0x3fff).toBe(19);
    const moving = encodeAnimatedWebp(frames, 10);
    expect(moving.toString('latin1').split('ANMF')).toHaveLength(3);
  });

  it('write an animated PNG whose first picture any reader shows', async () => {
    const frames = [createBitmap(4, 4, [9, 8, 7]), createBitmap(4, 4, [1, 2, 3])] as const;
    const bytes = await encodeApng(frames, 12.5, { note: 'kept' });
    const first = decodePng(bytes);
    expect([...first.data.subarray(0, 3), first.text['note']]).toEqual([9, 8, 7, 'kept']);
    const text = bytes.toString('latin1');
    expect([text.split('fcTL').length, text.split('fdAT').length]).toEqual([3, 2]);
  });

  it('write an MP4 whose chunk offset points at the first picture', () => {
    const jpegs = [encodeJpeg(createBitmap(8, 8)), encodeJpeg(createBitmap(8, 8, [255, 0, 0]))];
    const bytes = encodeMp4(jpegs, { width: 8, height: 8 }, 12);
    expect(boxes(bytes).map(([name]) => name)).toEqual(['ftyp', 'mdat', 'moov']);
    const offset = bytes.readUInt32BE(bytes.indexOf('stco') + 12);
    expect(bytes.subarray(offset, offset + (jpegs[0]?.length ?? 0))).toEqual(jpegs[0]);
  });
});
