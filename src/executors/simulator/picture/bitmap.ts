/** 8-bit pixels, row by row; 3 channels are RGB, 4 are RGBA. */
export interface Bitmap {
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  readonly data: Uint8Array;
}

export type Rgb = readonly [number, number, number];

/** A bitmap of one colour. */
export const createBitmap = (
  width: number,
  height: number,
  colour: Rgb = [0, 0, 0],
  channels: 3 | 4 = 3,
): Bitmap => {
  const data = new Uint8Array(width * height * channels);
  if (channels === 4 || colour.some((part) => part !== 0)) {
    for (let i = 0; i < data.length; i += channels) {
      data[i] = colour[0];
      data[i + 1] = colour[1];
      data[i + 2] = colour[2];
      if (channels === 4) data[i + 3] = 255;
    }
  }
  return { width, height, channels, data };
};

/** Drops the alpha channel; the colours stay as they are. */
export const toRgb = (bitmap: Bitmap): Bitmap => {
  if (bitmap.channels === 3) return bitmap;
  const { width, height } = bitmap;
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = bitmap.data[from] ?? 0;
    data[to + 1] = bitmap.data[from + 1] ?? 0;
    data[to + 2] = bitmap.data[from + 2] ?? 0;
  }
  return { width, height, channels: 3, data };
};

/** `b` where the mask (0..255 a pixel) is set, `a` elsewhere; all of one size. */
export const mixByMask = (a: Bitmap, b: Bitmap, mask: Uint8Array): Bitmap => {
  const [left, right] = [toRgb(a), toRgb(b)];
  const data = new Uint8Array(left.data.length);
  for (let i = 0; i < data.length; i++) {
    const share = mask[Math.floor(i / 3)] ?? 0;
    data[i] = Math.round(
      ((left.data[i] ?? 0) * (255 - share) + (right.data[i] ?? 0) * share) / 255,
    );
  }
  return { width: left.width, height: left.height, channels: 3, data };
};

/** `a` and `b` of one size, mixed by `weight` of `b` (0..1). */
export const mixBitmaps = (a: Bitmap, b: Bitmap, weight: number): Bitmap => {
  const [left, right] = [toRgb(a), toRgb(b)];
  const share = Math.round(weight * 256);
  const data = new Uint8Array(left.data.length);
  for (let i = 0; i < data.length; i++) {
    data[i] = ((left.data[i] ?? 0) * (256 - share) + (right.data[i] ?? 0) * share + 128) >> 8;
  }
  return { width: left.width, height: left.height, channels: 3, data };
};
