import type { Bitmap, Rgb } from './bitmap.ts';
import type { Palette } from './palettes.ts';
import { between, type Random } from './random.ts';

export interface Sun {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

interface Cloud {
  readonly x: number;
  readonly y: number;
  readonly wide: number;
  readonly tall: number;
  readonly strength: number;
}

const CELL = 8;

const mix = (a: number, b: number, share: number): number => a + (b - a) * share;

const skyAt = (sky: readonly [Rgb, Rgb, Rgb], down: number, channel: 0 | 1 | 2): number =>
  down < 0.55
    ? mix(sky[0][channel], sky[1][channel], down / 0.55)
    : mix(sky[1][channel], sky[2][channel], Math.min(1, (down - 0.55) / 0.45));

const makeClouds = (random: Random, aspect: number): Cloud[] =>
  Array.from({ length: 5 + Math.floor(random() * 6) }, () => ({
    x: random() * aspect,
    y: between(random, 0.05, 0.5),
    wide: between(random, 0.08, 0.3),
    tall: between(random, 0.012, 0.04),
    strength: between(random, 0.08, 0.3),
  }));

/**
 * Paints gradient, glow and clouds down to row `bottom`. They are soft, so they are computed on a coarse grid
 * and interpolated: a sky costs one addition per sample instead of dozens of exponentials.
 */
export const paintSky = (
  bitmap: Bitmap,
  bottom: number,
  palette: Palette,
  sun: Sun,
  tint: Rgb,
  random: Random,
): void => {
  const { width, height, data } = bitmap;
  const columns = Math.ceil(width / CELL) + 1;
  const rows = Math.ceil(bottom / CELL) + 1;
  const clouds = makeClouds(random, width / height);
  const grid = new Float32Array(columns * rows * 3);
  for (let row = 0, at = 0; row < rows; row++) {
    const y = (row * CELL) / height;
    const down = Math.min(1, (row * CELL) / Math.max(1, bottom));
    for (let column = 0; column < columns; column++) {
      const x = (column * CELL) / height;
      const away = (x - sun.x / height) ** 2 + (y - sun.y / height) ** 2;
      const glow = 0.62 * Math.exp(-away * 22) + 0.3 * Math.exp(-away * 4);
      let cloud = 0;
      for (const one of clouds) {
        const far = ((x - one.x) / one.wide) ** 2 + ((y - one.y) / one.tall) ** 2;
        if (far < 6) cloud += one.strength * Math.exp(-far);
      }
      for (const channel of [0, 1, 2] as const) {
        let value = skyAt(palette.sky, down, channel) + tint[channel];
        value = mix(value, palette.light[channel], Math.min(0.9, glow));
        grid[at++] = mix(value, palette.light[channel], Math.min(0.6, cloud));
      }
    }
  }
  const line = new Float32Array(columns * 3);
  for (let y = 0; y < bottom; y++) {
    const row = Math.floor(y / CELL);
    const down = (y % CELL) / CELL;
    for (let i = 0; i < line.length; i++) {
      const above = grid[row * columns * 3 + i] ?? 0;
      line[i] = above + ((grid[(row + 1) * columns * 3 + i] ?? above) - above) * down;
    }
    paintLine(data, y * width * 3, width, line);
  }
};

const clamp = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : value);

/** One row from its grid values, in 16.16 fixed point. */
const paintLine = (data: Uint8Array, start: number, width: number, line: Float32Array): void => {
  const fixed = (index: number, otherwise: number): number => {
    const value = line[index];
    return value === undefined ? otherwise : Math.round(clamp(value) * 65536);
  };
  let at = start;
  for (let cell = 0, x = 0; x < width; cell++, x += CELL) {
    const i = cell * 3;
    let [r, g, b] = [fixed(i, 0), fixed(i + 1, 0), fixed(i + 2, 0)];
    const dr = ((fixed(i + 3, r) - r) / CELL) | 0;
    const dg = ((fixed(i + 4, g) - g) / CELL) | 0;
    const db = ((fixed(i + 5, b) - b) / CELL) | 0;
    const end = Math.min(width, x + CELL);
    for (let inner = x; inner < end; inner++) {
      data[at] = r >> 16;
      data[at + 1] = g >> 16;
      data[at + 2] = b >> 16;
      at += 3;
      r += dr;
      g += dg;
      b += db;
    }
  }
};

const blend = (data: Uint8Array, at: number, colour: Rgb, share: number): void => {
  for (let c = 0; c < 3; c++) {
    const under = data[at + c] ?? 0;
    data[at + c] = under + ((colour[c] ?? 0) - under) * share;
  }
};

/** A disc with a soft edge. */
export const paintSun = (bitmap: Bitmap, sun: Sun, colour: Rgb): void => {
  const { width, height, data } = bitmap;
  const reach = sun.radius + 1;
  for (let y = Math.max(0, Math.floor(sun.y - reach)); y < Math.min(height, sun.y + reach); y++) {
    for (let x = Math.max(0, Math.floor(sun.x - reach)); x < Math.min(width, sun.x + reach); x++) {
      const inside = sun.radius - Math.hypot(x - sun.x, y - sun.y);
      if (inside > 0) blend(data, (y * width + x) * 3, colour, Math.min(1, inside));
    }
  }
};

export const paintStars = (bitmap: Bitmap, bottom: number, random: Random): void => {
  const count = Math.round((bitmap.width * bottom) / 1400);
  const size = Math.max(1, Math.round(bitmap.height / 700));
  for (let star = 0; star < count; star++) {
    const x = Math.floor(random() * bitmap.width);
    const y = Math.floor(random() ** 1.4 * bottom);
    const share = between(random, 0.15, 0.9);
    for (let dy = 0; dy < size; dy++) {
      for (let dx = 0; dx < size; dx++) {
        if (x + dx >= bitmap.width || y + dy >= bottom) continue;
        blend(bitmap.data, ((y + dy) * bitmap.width + x + dx) * 3, [255, 255, 255], share);
      }
    }
  }
};
