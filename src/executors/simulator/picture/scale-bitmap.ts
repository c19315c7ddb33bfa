import type { Bitmap } from './bitmap.ts';

const positions = (to: number, from: number) => {
  const index = new Int32Array(to);
  const weight = new Float32Array(to);
  for (let i = 0; i < to; i++) {
    const at = Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5));
    index[i] = Math.min(from - 1, Math.floor(at));
    weight[i] = at - Math.floor(at);
  }
  return { index, weight };
};

const nearest = (source: Bitmap, width: number, height: number): Bitmap => {
  const { channels } = source;
  const data = new Uint8Array(width * height * channels);
  for (let y = 0, to = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * source.height) / height) * source.width;
    for (let x = 0; x < width; x++) {
      const from = (row + Math.floor(((x + 0.5) * source.width) / width)) * channels;
      for (let c = 0; c < channels; c++) data[to++] = source.data[from + c] ?? 0;
    }
  }
  return { width, height, channels, data };
};

/** Scales to exactly that size; every method but `nearest-exact` is bilinear. */
export const scaleBitmap = (
  source: Bitmap,
  width: number,
  height: number,
  method = 'bilinear',
): Bitmap => {
  if (source.width === width && source.height === height) return source;
  if (method === 'nearest-exact') return nearest(source, width, height);
  const { channels } = source;
  const data = new Uint8Array(width * height * channels);
  const columns = positions(width, source.width);
  const rows = positions(height, source.height);
  const pixels = source.data;
  for (let y = 0, to = 0; y < height; y++) {
    const top = (rows.index[y] ?? 0) * source.width;
    const bottom = Math.min(source.height - 1, (rows.index[y] ?? 0) + 1) * source.width;
    const down = rows.weight[y] ?? 0;
    for (let x = 0; x < width; x++) {
      const left = columns.index[x] ?? 0;
      const right = Math.min(source.width - 1, left + 1);
      const across = columns.weight[x] ?? 0;
      for (let c = 0; c < channels; c++) {
        const a = pixels[(top + left) * channels + c] ?? 0;
        const b = pixels[(top + right) * channels + c] ?? 0;
        const e = pixels[(bottom + left) * channels + c] ?? 0;
        const f = pixels[(bottom + right) * channels + c] ?? 0;
        const upper = a + (b - a) * across;
        data[to++] = Math.round(upper + (e + (f - e) * across - upper) * down);
      }
    }
  }
  return { width, height, channels, data };
};

/** The part from (x, y) of that size; must lie inside. */
export const cropBitmap = (
  source: Bitmap,
  x: number,
  y: number,
  width: number,
  height: number,
): Bitmap => {
  const { channels } = source;
  const data = new Uint8Array(width * height * channels);
  for (let row = 0; row < height; row++) {
    const from = ((y + row) * source.width + x) * channels;
    data.set(source.data.subarray(from, from + width * channels), row * width * channels);
  }
  return { width, height, channels, data };
};

/** Scales like ComfyUI's image nodes: `center` first crops to the wanted shape. */
export const scaleLikeComfy = (
  source: Bitmap,
  width: number,
  height: number,
  method: string,
  crop: string,
): Bitmap => {
  if (crop !== 'center') return scaleBitmap(source, width, height, method);
  const was = source.width / source.height;
  const wanted = width / height;
  const x = was > wanted ? Math.round((source.width - source.width * (wanted / was)) / 2) : 0;
  const y = was < wanted ? Math.round((source.height - source.height * (was / wanted)) / 2) : 0;
  const cropped = cropBitmap(source, x, y, source.width - 2 * x, source.height - 2 * y);
  return scaleBitmap(cropped, width, height, method);
};
