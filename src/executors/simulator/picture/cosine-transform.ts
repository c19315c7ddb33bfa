/**
 * The forward cosine transform of 8×8 blocks after Arai, Agui and Nakajima (1988), the way of libjpeg's `jfdctflt.c`:
 * five multiplications a row. Its results are scaled; `scaledDivisors` has the scale in it.
 */

const SCALE = Float64Array.from({ length: 8 }, (_unused, k) =>
  k === 0 ? 1 : Math.SQRT2 * Math.cos((k * Math.PI) / 16),
);

/** Factors that make quantised coefficients of what `transformBlock` leaves, for a table row by row. */
export const scaledDivisors = (table: Uint8Array): Float32Array =>
  Float32Array.from(table, (step, at) => {
    const scale = (SCALE[at >> 3] ?? 1) * (SCALE[at & 7] ?? 1);
    return 1 / (step * scale * 8);
  });

const C4 = Math.SQRT1_2;
const C6 = Math.sin(Math.PI / 8);
const DIFFERENCE = Math.cos(Math.PI / 8) - C6;
const SUM = Math.cos(Math.PI / 8) + C6;

/** Eight values of a block, `step` apart. */
const transformLine = (block: Float32Array, at: number, step: number): void => {
  const a = block[at] as number;
  const b = block[at + step] as number;
  const c = block[at + 2 * step] as number;
  const d = block[at + 3 * step] as number;
  const e = block[at + 4 * step] as number;
  const f = block[at + 5 * step] as number;
  const g = block[at + 6 * step] as number;
  const h = block[at + 7 * step] as number;
  const [ends, inner, middle, centre] = [a + h, b + g, c + f, d + e];
  block[at] = ends + centre + inner + middle;
  block[at + 4 * step] = ends + centre - inner - middle;
  const even = (ends - centre + inner - middle) * C4;
  block[at + 2 * step] = ends - centre + even;
  block[at + 6 * step] = ends - centre - even;

  const [low, mid, high] = [d - e + c - f, c - f + b - g, b - g + a - h];
  const turned = (low - high) * C6;
  const lowPart = low * DIFFERENCE + turned;
  const highPart = high * SUM + turned;
  const odd = mid * C4;
  const plus = a - h + odd;
  const minus = a - h - odd;
  block[at + 5 * step] = minus + lowPart;
  block[at + 3 * step] = minus - lowPart;
  block[at + step] = plus + highPart;
  block[at + 7 * step] = plus - highPart;
};

/** Scaled frequencies of an 8×8 block, row by row; in place. */
export const transformBlock = (block: Float32Array): void => {
  for (let row = 0; row < 64; row += 8) transformLine(block, row, 1);
  for (let column = 0; column < 8; column++) transformLine(block, column, 8);
};
