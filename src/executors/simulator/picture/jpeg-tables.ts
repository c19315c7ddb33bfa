/** The tables of ITU-T T.81, annex K: quantisation for quality 50, and the usual Huffman codes. */

export const ZIGZAG = Uint8Array.from([
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
  13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52,
  45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
]);

const LUMINANCE = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
  14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113,
  92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];

const CHROMINANCE = [
  17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
  47, 66, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
];

/** Both quantisation tables for a quality of 1..100, row by row. */
export const quantisation = (quality: number): readonly [Uint8Array, Uint8Array] => {
  const scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
  const scaled = (table: readonly number[]): Uint8Array =>
    Uint8Array.from(table, (value) =>
      Math.min(255, Math.max(1, Math.floor((value * scale + 50) / 100))),
    );
  return [scaled(LUMINANCE), scaled(CHROMINANCE)];
};

export interface HuffmanTable {
  /** How many codes there are of 1..16 bits. */
  readonly counts: Uint8Array;
  readonly symbols: Uint8Array;
  /** By symbol. */
  readonly code: Uint16Array;
  readonly length: Uint8Array;
}

const table = (countsHex: string, symbolsHex: string): HuffmanTable => {
  const counts = Uint8Array.from(Buffer.from(countsHex, 'hex'));
  const symbols = Uint8Array.from(Buffer.from(symbolsHex, 'hex'));
  const code = new Uint16Array(256);
  const length = new Uint8Array(256);
  let next = 0;
  let at = 0;
  for (const [index, count] of counts.entries()) {
    for (let i = 0; i < count; i++, at++, next++) {
      code[symbols[at] ?? 0] = next;
      length[symbols[at] ?? 0] = index + 1;
    }
    next <<= 1;
  }
  return { counts, symbols, code, length };
};

const DC_SYMBOLS = '000102030405060708090a0b';

/** Tables in the order of their marker: DC and AC of luminance, DC and AC of chrominance. */
export const HUFFMAN = {
  lumaDc: table('00010501010101010100000000000000', DC_SYMBOLS),
  lumaAc: table(
    '0002010303020403050504040000017d',
    '01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a' +
      '25262728292a3435363738393a434445464748494a535455565758595a636465666768696a73747576777879' +
      '7a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9' +
      'cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa',
  ),
  chromaDc: table('00030101010101010101010000000000', DC_SYMBOLS),
  chromaAc: table(
    '00020102040403040705040400010277',
    '000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f117' +
      '18191a262728292a35363738393a434445464748494a535455565758595a636465666768696a737475767778' +
      '797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7' +
      'c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa',
  ),
} as const;
