import type { Bitmap, Rgb } from './bitmap.ts';
import type { Palette } from './palettes.ts';
import type { Landscape, Ridge } from './ridges.ts';
import { between, type Random } from './random.ts';
import type { Sun } from './sky.ts';

const mixRgb = (a: Rgb, b: Rgb, share: number): [number, number, number] => [
  a[0] + (b[0] - a[0]) * share,
  a[1] + (b[1] - a[1]) * share,
  a[2] + (b[2] - a[2]) * share,
];

const clampByte = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : value);

/** Fixed colours of each layer for one row: base at the ridge, mist further down. */
const rowColours = (
  bands: readonly { base: Rgb; mist: Rgb; start: number }[],
  y: number,
  height: number,
  tint: Rgb,
  row: Uint8Array,
): void => {
  bands.forEach(({ base, mist, start }, index) => {
    const share = Math.min(1, Math.max(0, (y - start) / (height * 0.28)));
    const colour = mixRgb(base, mist, share);
    for (let c = 0; c < 3; c++) row[index * 3 + c] = clampByte((colour[c] ?? 0) + (tint[c] ?? 0));
  });
};

/** Paints the ridges in one pass over the rows: each pixel is written once, with a soft edge at each ridge. */
export const paintLand = (
  bitmap: Bitmap,
  ridges: readonly Ridge[],
  palette: Palette,
  tint: Rgb,
): void => {
  const { width, height, data } = bitmap;
  const lowest = (tops: Float32Array): number => tops.reduce((a, b) => Math.min(a, b), height);
  const bands = ridges.map(({ depth, tops }) => {
    const base = mixRgb(palette.far, palette.near, depth ** 0.8);
    return { base, start: lowest(tops), mist: mixRgb(base, palette.sky[2], 0.4 * (1 - depth)) };
  });
  const row = new Uint8Array(ridges.length * 3);
  const layers = new Int8Array(width).fill(-1);
  /** Where the next layer of each column starts. */
  const nextTops = new Float32Array(width).fill(height);
  nextTops.set(ridges[0]?.tops ?? []);
  const first = Math.max(0, Math.floor(Math.min(...bands.map((band) => band.start))));

  for (let y = first; y < height; y++) {
    rowColours(bands, y, height, tint, row);
    let at = y * width * 3;
    for (let x = 0; x < width; x++, at += 3) {
      let layer = layers[x] as number;
      if (y + 1 <= (nextTops[x] as number)) {
        if (layer < 0) continue;
        data[at] = row[layer * 3] as number;
        data[at + 1] = row[layer * 3 + 1] as number;
        data[at + 2] = row[layer * 3 + 2] as number;
        continue;
      }
      const behind = layer;
      let top = height;
      while (y + 1 > (nextTops[x] as number)) {
        top = nextTops[x] as number;
        layer++;
        nextTops[x] = ridges[layer + 1]?.tops[x] ?? height;
      }
      layers[x] = layer;
      const cover = Math.min(1, y + 1 - top);
      for (let c = 0; c < 3; c++) {
        const under = behind < 0 ? (data[at + c] ?? 0) : (row[behind * 3 + c] ?? 0);
        data[at + c] = under + ((row[layer * 3 + c] ?? 0) - under) * cover;
      }
    }
  }
};

const lighten = (bitmap: Bitmap, x: number, y: number, colour: Rgb, share: number): void => {
  if (x < 0 || y < 0 || x >= bitmap.width || y >= bitmap.height) return;
  const at = (y * bitmap.width + x) * 3;
  for (let c = 0; c < 3; c++) {
    const under = bitmap.data[at + c] ?? 0;
    bitmap.data[at + c] = under + ((colour[c] ?? 0) - under) * share;
  }
};

/** The sun's path on water: short strokes that widen towards the viewer. */
const paintGlints = (
  bitmap: Bitmap,
  horizon: number,
  sun: Sun,
  light: Rgb,
  random: Random,
): void => {
  const { height } = bitmap;
  const thick = Math.max(1, Math.round(height / 420));
  for (let y = Math.ceil(horizon); y < height; y += thick) {
    const near = (y - horizon) / (height - horizon);
    const spread = sun.radius * (0.8 + near * 2.2);
    for (let stroke = 0; stroke < 3; stroke++) {
      const middle = sun.x + (random() + random() - 1) * spread;
      const half = sun.radius * between(random, 0.05, 0.45) * (0.4 + near);
      const share = between(random, 0.1, 0.65) * (1 - near * 0.6);
      for (let x = Math.floor(middle - half); x < middle + half; x++) {
        for (let dy = 0; dy < thick; dy++) lighten(bitmap, x, y + dy, light, share);
      }
    }
  }
};

/** Lit windows below the roofs of the nearer rows of houses. */
const paintWindows = (bitmap: Bitmap, ridges: readonly Ridge[], random: Random): void => {
  const unit = Math.max(1, Math.round(bitmap.height / 256));
  const step = unit * 5;
  ridges.slice(1, -1).forEach((ridge, index) => {
    const inFront = ridges[index + 2];
    for (let x = step; x < bitmap.width - step; x += step) {
      const top = Math.max(ridge.tops[x] ?? 0, ridge.tops[x + unit * 2] ?? 0);
      const end = Math.min(inFront?.tops[x] ?? bitmap.height, bitmap.height);
      for (let y = Math.ceil(top / step + 1) * step; y < end - unit * 2; y += step) {
        if (random() > 0.33) continue;
        const share = between(random, 0.35, 0.85);
        for (let dy = 0; dy < unit * 2; dy++) {
          for (let dx = 0; dx < unit * 2; dx++) {
            lighten(bitmap, x + dx, y + dy, [255, 214, 140], share);
          }
        }
      }
    }
  });
};

/** What makes a landscape more than silhouettes. */
export const paintLandDetails = (
  bitmap: Bitmap,
  landscape: Landscape,
  ridges: readonly Ridge[],
  palette: Palette,
  sun: Sun,
  random: Random,
): void => {
  if (landscape === 'sea') {
    paintGlints(bitmap, ridges[0]?.tops[0] ?? 0, sun, palette.light, random);
  } else if (landscape === 'city') {
    paintWindows(bitmap, ridges, random);
  }
};
