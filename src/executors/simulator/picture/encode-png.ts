import { promisify } from 'node:util';
import { constants, deflate } from 'node:zlib';
import { stringifyWide } from '../graph/wide-json.ts';
import type { Bitmap } from './bitmap.ts';
import { pngChunk } from './png-chunk.ts';

const deflateAsync = promisify<Uint8Array, object, Buffer>(deflate);

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** JSON in ASCII, as Python's `json.dumps` writes it, so that it fits a Latin-1 text chunk. */
export const asciiJson = (value: unknown): string =>
  stringifyWide(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** Each row minus its upper neighbour: cheap, and skies, bands and flat areas become runs of zeros. */
const filterRows = (bitmap: Bitmap): Uint8Array => {
  const stride = bitmap.width * bitmap.channels;
  const { data } = bitmap;
  const out = new Uint8Array((stride + 1) * bitmap.height);
  for (let y = 0; y < bitmap.height; y++) {
    let to = y * (stride + 1);
    let from = y * stride;
    if (y === 0) {
      out[to] = 0;
      out.set(data.subarray(0, stride), to + 1);
      continue;
    }
    out[to++] = 2;
    for (const end = from + stride; from < end; from++) {
      out[to++] = (data[from] as number) - (data[from - stride] as number);
    }
  }
  return out;
};

/** What comes before the pixels, and the packed pixels. */
export const encodePngParts = async (
  bitmap: Bitmap,
  text: Readonly<Record<string, string>>,
): Promise<{ readonly head: Buffer; readonly pixels: Buffer }> => {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(bitmap.width, 0);
  header.writeUInt32BE(bitmap.height, 4);
  header[8] = 8;
  header[9] = bitmap.channels === 4 ? 6 : 2;
  const pixels = await deflateAsync(filterRows(bitmap), {
    level: 1,
    strategy: constants.Z_FILTERED,
  });
  const words = Object.entries(text).map(([key, value]) =>
    pngChunk('tEXt', Buffer.from(`${key.slice(0, 79)}\0${value}`, 'latin1')),
  );
  return { head: Buffer.concat([SIGNATURE, pngChunk('IHDR', header), ...words]), pixels };
};

/** A PNG of 8-bit RGB or RGBA with Latin-1 text chunks. Compressed for speed, off the main thread. */
export const encodePng = async (
  bitmap: Bitmap,
  text: Readonly<Record<string, string>> = {},
): Promise<Buffer> => {
  const { head, pixels } = await encodePngParts(bitmap, text);
  return Buffer.concat([head, pngChunk('IDAT', pixels), pngChunk('IEND', new Uint8Array())]);
};
