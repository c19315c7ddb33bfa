import { createBitmap, toRgb, type Bitmap } from './bitmap.ts';

/** One number a pixel, row by row. */
interface Plane {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

const luminance = (bitmap: Bitmap): Plane => {
  const { width, height, data: pixels } = toRgb(bitmap);
  const data = Float32Array.from({ length: width * height }, (_unused, at) => {
    const [red = 0, green = 0, blue = 0] = pixels.subarray(at * 3, at * 3 + 3);
    return (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
  });
  return { width, height, data };
};

/** The value at a place; beyond the border that of the border. */
const valueAt = ({ width, height, data }: Plane, x: number, y: number): number =>
  data[Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x))] ?? 0;

const mapPlane = (plane: Plane, value: (x: number, y: number) => number): Plane => ({
  ...plane,
  data: plane.data.map((_unused, at) => value(at % plane.width, Math.floor(at / plane.width))),
});

/** Gauss of 5 cells, sigma 1. */
const BLUR = [0.0545, 0.2442, 0.4026, 0.2442, 0.0545] as const;

const blurred = (plane: Plane): Plane => {
  const sum = (value: (offset: number) => number): number =>
    BLUR.reduce((total, weight, index) => total + weight * value(index - 2), 0);
  const rows = mapPlane(plane, (x, y) => sum((offset) => valueAt(plane, x + offset, y)));
  return mapPlane(rows, (x, y) => sum((offset) => valueAt(rows, x, y + offset)));
};

/** Steps to the two neighbours across an edge whose gradient points this way. */
const acrossEdge = (gx: number, gy: number): readonly [number, number] => {
  const eighth = Math.round(Math.atan2(gy, gx) / (Math.PI / 4));
  return (
    (
      [
        [1, 0],
        [1, 1],
        [0, 1],
        [-1, 1],
      ] as const
    )[((eighth % 4) + 4) % 4] ?? [1, 0]
  );
};

/**
 * Canny's edges, white on black: strongest across the edge, above `high` or joined to such ones above `low`. Strengths
 * are Sobel's sums over 0..1 values, as in kornia, which ComfyUI's node uses.
 */
export const findEdges = (bitmap: Bitmap, low: number, high: number): Bitmap => {
  const soft = blurred(luminance(bitmap));
  const { width, height } = soft;
  const slope = (x: number, y: number): readonly [number, number] => {
    const at = (dx: number, dy: number): number => valueAt(soft, x + dx, y + dy);
    const gx = at(1, -1) + 2 * at(1, 0) + at(1, 1) - at(-1, -1) - 2 * at(-1, 0) - at(-1, 1);
    const gy = at(-1, 1) + 2 * at(0, 1) + at(1, 1) - at(-1, -1) - 2 * at(0, -1) - at(1, -1);
    return [gx, gy];
  };
  const strength = mapPlane(soft, (x, y) => Math.hypot(...slope(x, y)));
  const ridge = mapPlane(strength, (x, y) => {
    const own = valueAt(strength, x, y);
    const [dx, dy] = acrossEdge(...slope(x, y));
    const others = [valueAt(strength, x + dx, y + dy), valueAt(strength, x - dx, y - dy)];
    return own >= Math.max(...others) ? own : 0;
  });
  const edges = createBitmap(width, height);
  const open: number[] = [];
  const mark = (x: number, y: number, least: number): void => {
    const at = y * width + x;
    if (x < 0 || y < 0 || x >= width || y >= height || edges.data[at * 3] === 255) return;
    if ((ridge.data[at] ?? 0) <= least) return;
    edges.data.fill(255, at * 3, at * 3 + 3);
    open.push(at);
  };
  for (let at = 0; at < width * height; at++) mark(at % width, Math.floor(at / width), high);
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const [x, y] = [at % width, Math.floor(at / width)];
    for (let dy = -1; dy <= 1; dy++) for (let dx = -1; dx <= 1; dx++) mark(x + dx, y + dy, low);
  }
  return edges;
};
