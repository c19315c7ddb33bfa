import { inflateSync } from 'node:zlib';
import type { Bitmap } from './bitmap.ts';

interface Layout {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colour: number;
}

/** Where Pillow calls a picture a decompression bomb (`Image.MAX_IMAGE_PIXELS` × 2). */
export const MOST_PIXELS = 178_956_970;

const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

const strideOf = ({ width, depth, colour }: Layout): number =>
  Math.ceil((width * (SAMPLES[colour] ?? 1) * depth) / 8);

/** Every row has a filter byte before it; some encoders append a few bytes. */
const inflatedBytes = (layout: Layout): number => (strideOf(layout) + 1) * layout.height + 1024;

const unfilter = (raw: Buffer, layout: Layout): Uint8Array => {
  const bits = (SAMPLES[layout.colour] ?? 1) * layout.depth;
  const stride = strideOf(layout);
  const step = Math.max(1, bits >> 3);
  const out = new Uint8Array(stride * layout.height);
  for (let y = 0; y < layout.height; y++) {
    const filter = raw[y * (stride + 1)];
    const row = y * stride;
    for (let x = 0; x < stride; x++) {
      const value = raw[y * (stride + 1) + 1 + x] ?? 0;
      const left = x >= step ? (out[row + x - step] ?? 0) : 0;
      const up = y > 0 ? (out[row - stride + x] ?? 0) : 0;
      const corner = x >= step && y > 0 ? (out[row - stride + x - step] ?? 0) : 0;
      let guess = 0;
      if (filter === 1) guess = left;
      else if (filter === 2) guess = up;
      else if (filter === 3) guess = (left + up) >> 1;
      else if (filter === 4) {
        const p = left + up - corner;
        const [a, b, c] = [Math.abs(p - left), Math.abs(p - up), Math.abs(p - corner)];
        guess = a <= b && a <= c ? left : b <= c ? up : corner;
      }
      out[row + x] = value + guess;
    }
  }
  return out;
};

/** Sample `index` of a row, as 0..255 (palette indices stay as they are). */
const sampleReader = (data: Uint8Array, layout: Layout) => {
  const { depth, colour } = layout;
  const stride = strideOf(layout);
  const scale = colour === 3 ? 1 : 255 / (2 ** Math.min(depth, 8) - 1);
  return (y: number, index: number): number => {
    if (depth === 8) return data[y * stride + index] ?? 0;
    if (depth === 16) return data[y * stride + index * 2] ?? 0;
    const bit = index * depth;
    const byte = data[y * stride + (bit >> 3)] ?? 0;
    return ((byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1)) * scale;
  };
};

/** Text chunks and pixels of a PNG. Throws on anything else, and on interlaced files. */
export const decodePng = (file: Uint8Array): Bitmap & { readonly text: Record<string, string> } => {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length < 33 || bytes.readUInt32BE(0) !== 0x89504e47) throw new Error('not a PNG file');
  let layout: Layout | undefined;
  let palette: Uint8Array = new Uint8Array();
  let transparency: Uint8Array = new Uint8Array();
  const packed: Buffer[] = [];
  const text: Record<string, string> = {};
  for (let at = 8; at + 12 <= bytes.length;) {
    const size = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    const body = bytes.subarray(at + 8, at + 8 + size);
    at += size + 12;
    if (type === 'IHDR') {
      if (body[12] !== 0) throw new Error('interlaced PNG files are not read here');
      layout = {
        width: body.readUInt32BE(0),
        height: body.readUInt32BE(4),
        depth: body[8] ?? 8,
        colour: body[9] ?? 2,
      };
    } else if (type === 'PLTE') palette = body;
    else if (type === 'tRNS') transparency = body;
    else if (type === 'IDAT') packed.push(body);
    else if (type === 'tEXt') {
      const end = body.indexOf(0);
      text[body.toString('latin1', 0, end)] = body.toString('latin1', end + 1);
    } else if (type === 'IEND') break;
  }
  if (!layout) throw new Error('PNG without IHDR');
  const { width, height, colour } = layout;
  if (width * height > MOST_PIXELS) throw new Error(`${width}×${height} pixels are too many`);
  const raw = inflateSync(Buffer.concat(packed), { maxOutputLength: inflatedBytes(layout) });
  const sample = sampleReader(unfilter(raw, layout), layout);
  const alpha = colour === 4 || colour === 6 || (colour === 3 && transparency.length > 0);
  const channels = alpha ? 4 : 3;
  const data = new Uint8Array(width * height * channels);
  const count = SAMPLES[colour] ?? 1;
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const first = sample(y, x * count);
      if (colour === 3) {
        for (let c = 0; c < 3; c++) data[to++] = palette[first * 3 + c] ?? 0;
        if (alpha) data[to++] = transparency[first] ?? 255;
      } else if (colour === 0 || colour === 4) {
        data.fill(first, to, to + 3);
        to += 3;
        if (alpha) data[to++] = sample(y, x * count + 1);
      } else {
        for (let c = 0; c < count; c++) data[to++] = sample(y, x * count + c);
      }
    }
  }
  return { width, height, channels, data, text };
};
