import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBitmap } from './bitmap.ts';
import { decodePng } from './decode-png.ts';
import { asciiJson, encodePng } from './encode-png.ts';

describe('PNG', () => {
  it('comes back pixel for pixel, RGB and RGBA, any size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom<3 | 4>(3, 4),
        fc.infiniteStream(fc.integer({ min: 0, max: 255 })),
        async (width, height, channels, bytes) => {
          const data = Uint8Array.from(bytes.take(width * height * channels));
          const decoded = decodePng(await encodePng({ width, height, channels, data }));
          expect([decoded.width, decoded.height, decoded.channels]).toEqual([
            width,
            height,
            channels,
          ]);
          expect(Buffer.from(decoded.data).equals(data)).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('carries text, in ASCII whatever the language', async () => {
    const text = asciiJson({ prompt: 'Zürich 東京 🚀', seed: 18446744073709551615n });
    expect(text).toMatch(/^[\x20-\x7e]+$/);
    const decoded = decodePng(await encodePng(createBitmap(1, 1), { prompt: text }));
    expect(decoded.text).toEqual({ prompt: text });
    expect(JSON.parse(text)).toMatchObject({ prompt: 'Zürich 東京 🚀' });
  });

  it('is read with every filter, with a palette and in grey', () => {
    const chunk = (type: string, body: Buffer): Buffer => {
      const head = Buffer.alloc(8);
      head.writeUInt32BE(body.length);
      head.write(type, 4);
      return Buffer.concat([head, body, Buffer.alloc(4)]);
    };
    const png = (
      width: number,
      height: number,
      depth: number,
      colour: number,
      raw: number[],
      palette?: number[],
    ) => {
      const header = Buffer.alloc(13);
      header.writeUInt32BE(width, 0);
      header.writeUInt32BE(height, 4);
      header.set([depth, colour], 8);
      return Buffer.concat([
        Buffer.from('89504e470d0a1a0a', 'hex'),
        chunk('IHDR', header),
        ...(palette ? [chunk('PLTE', Buffer.from(palette))] : []),
        chunk('IDAT', deflateSync(Buffer.from(raw))),
        chunk('IEND', Buffer.alloc(0)),
      ]);
    };
    const grey = decodePng(
      png(2, 5, 8, 0, [0, 10, 20, 1, 10, 10, 2, 1, 1, 3, 5, 5, 4, 1, 1]),
    ).data.filter((_value, index) => index % 3 === 0);
    expect([...grey]).toEqual([10, 20, 10, 20, 11, 21, 10, 20, 11, 21]);
    const indexed = decodePng(png(2, 1, 1, 3, [0, 0b01000000], [1, 2, 3, 4, 5, 6]));
    expect([...indexed.data]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('refuses what is none', () => {
    expect(() => decodePng(Buffer.from('GIF89a'))).toThrow('not a PNG');
  });
});
