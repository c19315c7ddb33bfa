import type { TextToImage } from './generation.ts';

/** Latents are eighths of a picture. */
const PIXEL_STEP = 8;

type Size = Pick<TextToImage, 'width' | 'height'>;

const enlarged = (side: number, scale: number): number =>
  Math.max(1, Math.round((side * scale) / PIXEL_STEP)) * PIXEL_STEP;

/** Pixels of an enlarged picture: both sides times the scale, in the nearest steps of 8. */
export const enlargedSize = ({ width, height }: Size, scale: number): Size => ({
  width: enlarged(width, scale),
  height: enlarged(height, scale),
});

/** Pixels of the finished picture. */
export const finishedSize = (generation: Size & Pick<TextToImage, 'hires'>): Size => {
  const { width, height, hires } = generation;
  return hires === undefined ? { width, height } : enlargedSize(generation, hires.scale);
};
