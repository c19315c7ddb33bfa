import type { Bitmap } from './bitmap.ts';
import { scaledDivisors, transformBlock } from './cosine-transform.ts';
import { HUFFMAN, quantisation, ZIGZAG, type HuffmanTable } from './jpeg-tables.ts';

/** Bits, most significant first, with a zero after every byte of ones. */
const createBitWriter = (estimate: number) => {
  let bytes = Buffer.allocUnsafe(Math.max(1024, estimate));
  let size = 0;
  let held = 0;
  let count = 0;
  const push = (byte: number): void => {
    if (size + 2 > bytes.length) bytes = Buffer.concat([bytes], bytes.length * 2);
    bytes[size++] = byte;
    if (byte === 0xff) bytes[size++] = 0;
  };
  const write = (value: number, length: number): void => {
    held = (held << length) | value;
    count += length;
    while (count >= 8) {
      count -= 8;
      push((held >> count) & 0xff);
    }
    held &= (1 << count) - 1;
  };
  return {
    write,
    end: (): Buffer => {
      if (count > 0) write((1 << (8 - count)) - 1, 8 - count);
      return bytes.subarray(0, size);
    },
  };
};
type BitWriter = ReturnType<typeof createBitWriter>;

const put = (bits: BitWriter, table: HuffmanTable, symbol: number): void => {
  bits.write(table.code[symbol] ?? 0, table.length[symbol] ?? 0);
};

/** The bits of a coefficient whose size class was written before. */
const putValue = (bits: BitWriter, value: number, size: number): void => {
  if (size > 0) bits.write(value < 0 ? value + (1 << size) - 1 : value, size);
};

const sizeOf = (value: number): number => 32 - Math.clz32(Math.abs(value));

const writeBlock = (
  bits: BitWriter,
  coefficients: Int32Array,
  lastDc: number,
  dc: HuffmanTable,
  ac: HuffmanTable,
): void => {
  const change = (coefficients[0] ?? 0) - lastDc;
  put(bits, dc, sizeOf(change));
  putValue(bits, change, sizeOf(change));
  let zeros = 0;
  for (let k = 1; k < 64; k++) {
    const value = coefficients[k] ?? 0;
    if (value === 0) {
      zeros += 1;
      continue;
    }
    for (; zeros > 15; zeros -= 16) put(bits, ac, 0xf0);
    put(bits, ac, (zeros << 4) | sizeOf(value));
    putValue(bits, value, sizeOf(value));
    zeros = 0;
  }
  if (zeros > 0) put(bits, ac, 0);
};

type Blocks = readonly [Float32Array, Float32Array, Float32Array];

/** Brightness and both colour differences of 8×8 pixels, centred on zero; beyond the edges the last pixel goes on. */
const readBlocks = (bitmap: Bitmap, left: number, top: number, blocks: Blocks): void => {
  const { width, height, channels, data } = bitmap;
  const [luma, blueness, redness] = blocks;
  for (let y = 0, at = 0; y < 8; y++) {
    const row = Math.min(height - 1, top + y) * width;
    for (let x = 0; x < 8; x++, at++) {
      const pixel = (row + Math.min(width - 1, left + x)) * channels;
      const red = data[pixel] as number;
      const green = data[pixel + 1] as number;
      const blue = data[pixel + 2] as number;
      luma[at] = 0.299 * red + 0.587 * green + 0.114 * blue - 128;
      blueness[at] = -0.168736 * red - 0.331264 * green + 0.5 * blue;
      redness[at] = 0.5 * red - 0.418688 * green - 0.081312 * blue;
    }
  }
};

const segment = (marker: number, ...parts: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts);
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(body.length + 2, 2);
  return Buffer.concat([head, body]);
};

const headers = (bitmap: Bitmap, tables: readonly [Uint8Array, Uint8Array]): Buffer[] => {
  const inZigzag = (table: Uint8Array): Uint8Array => ZIGZAG.map((at) => table[at] ?? 1);
  const frame = Buffer.from([8, 0, 0, 0, 0, 3, 1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1]);
  frame.writeUInt16BE(bitmap.height, 1);
  frame.writeUInt16BE(bitmap.width, 3);
  const { lumaDc, lumaAc, chromaDc, chromaAc } = HUFFMAN;
  const codes = [
    [0x00, lumaDc],
    [0x10, lumaAc],
    [0x01, chromaDc],
    [0x11, chromaAc],
  ] as const;
  return [
    Buffer.from([0xff, 0xd8]),
    segment(0xe0, Buffer.from('JFIF\0'), Buffer.from([1, 1, 0, 0, 1, 0, 1, 0, 0])),
    ...tables.map((table, id) => segment(0xdb, Buffer.from([id]), inZigzag(table))),
    segment(0xc0, frame),
    ...codes.map(([id, table]) => segment(0xc4, Buffer.from([id]), table.counts, table.symbols)),
    segment(0xda, Buffer.from([3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0])),
  ];
};

/** A baseline JPEG without subsampling; alpha is left out. `quality` is 1..100. (Default: 90.) */
export const encodeJpeg = (bitmap: Bitmap, quality = 90): Buffer => {
  const { width, height } = bitmap;
  const tables = quantisation(quality);
  const [lumaDivisors, chromaDivisors] = [scaledDivisors(tables[0]), scaledDivisors(tables[1])];
  const bits = createBitWriter(width * height);
  const coefficients = new Int32Array(64);
  const block = () => new Float32Array(64);
  const blocks: Blocks = [block(), block(), block()];
  const lastDc = [0, 0, 0];
  for (let top = 0; top < height; top += 8) {
    for (let left = 0; left < width; left += 8) {
      readBlocks(bitmap, left, top, blocks);
      for (let plane = 0; plane < 3; plane++) {
        const values = blocks[plane] as Float32Array;
        transformBlock(values);
        const divisors = plane === 0 ? lumaDivisors : chromaDivisors;
        for (let k = 0; k < 64; k++) {
          const at = ZIGZAG[k] as number;
          coefficients[k] = Math.round((values[at] as number) * (divisors[at] as number));
        }
        const [dc, ac] =
          plane === 0 ? [HUFFMAN.lumaDc, HUFFMAN.lumaAc] : [HUFFMAN.chromaDc, HUFFMAN.chromaAc];
        writeBlock(bits, coefficients, lastDc[plane] ?? 0, dc, ac);
        lastDc[plane] = coefficients[0] ?? 0;
      }
    }
  }
  return Buffer.concat([...headers(bitmap, tables), bits.end(), Buffer.from([0xff, 0xd9])]);
};
