import { promisify } from 'node:util';
import { constants, crc32, deflate } from 'node:zlib';
import { stringifyWide } from '../graph/wide-json.ts';
import type { Bitmap } from './bitmap.ts';

const deflateAsync = promisify<Uint8Array, object, Buffer>(deflate);

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

const chunk = (type: string, body: Uint8Array): Buffer => {
  const out = Buffer.alloc(body.length + 12);
  out.writeUInt32BE(body.length, 0);
  out.write(type, 4, 'latin1');
  out.set(body, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + body.length)), 8 + body.length);
  return out;
};

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

/** A PNG of 8-bit RGB or RGBA with Latin-1 text chunks. Compressed for speed, off the main thread. */
export const encodePng = async (
  bitmap: Bitmap,
  text: Readonly<Record<string, string>> = {},
): Promise<Buffer> => {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(bitmap.width, 0);
  header.writeUInt32BE(bitmap.height, 4);
  header[8] = 8;
  header[9] = bitmap.channels === 4 ? 6 : 2;
  const pixels = await deflateAsync(filterRows(bitmap), {
    level: 1,
    strategy: constants.Z_FILTERED,
  });
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    ...Object.entries(text).map(([key, value]) =>
      chunk('tEXt', Buffer.from(`${key.slice(0, 79)}\0${value}`, 'latin1')),
    ),
    chunk('IDAT', pixels),
    chunk('IEND', new Uint8Array()),
  ]);
};
