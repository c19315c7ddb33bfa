import { describe, expect, it } from 'vitest';
import { createBitmap } from './bitmap.ts';
import { findEdges } from './edges.ts';

const SIDE = 32;

/** Black with a square of this grey in the middle. */
const square = (grey: number) => {
  const bitmap = createBitmap(SIDE, SIDE);
  for (let y = 8; y < 24; y++)
    for (let x = 8; x < 24; x++) bitmap.data.fill(grey, (y * SIDE + x) * 3, (y * SIDE + x) * 3 + 3);
  return bitmap;
};

const whiteOf = (bitmap: { readonly data: Uint8Array }): number[] =>
  Array.from({ length: SIDE * SIDE }, (_unused, at) => at).filter(
    (at) => bitmap.data[at * 3] === 255,
  );

describe('findEdges', () => {
  it('draws the outline of a square, one or two pixels wide, and nothing else', () => {
    const edges = whiteOf(findEdges(square(255), 0.4, 0.8));
    expect(edges.length).toBeGreaterThanOrEqual(4 * 14);
    expect(edges.length).toBeLessThanOrEqual(2 * 4 * 18);
    for (const at of edges) {
      const [x, y] = [at % SIDE, Math.floor(at / SIDE)];
      const toBorder = Math.min(
        ...[7.5, 23.5].flatMap((line) => [Math.abs(x - line), Math.abs(y - line)]),
      );
      expect(toBorder, `${x},${y}`).toBeLessThanOrEqual(2);
    }
  });

  it('draws no edge weaker than the thresholds', () => {
    expect(whiteOf(findEdges(square(20), 0.4, 0.8))).toEqual([]);
    expect(whiteOf(findEdges(square(20), 0.05, 0.1))).not.toEqual([]);
    expect(whiteOf(findEdges(createBitmap(SIDE, SIDE, [200, 10, 10]), 0.01, 0.01))).toEqual([]);
  });
});
