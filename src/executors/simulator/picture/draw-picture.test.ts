import { describe, expect, it } from 'vitest';
import { digestOf } from '../graph/node-signature.ts';
import { drawPicture, drawPreview, type PictureRecipe } from './draw-picture.ts';

const recipe = (prompt: string): PictureRecipe => ({
  digest: digestOf(prompt),
  composition: digestOf('scene', prompt),
  prompt,
  seed: '42',
  model: 'sd1/civitai/4384/128713.safetensors',
  settings: 'euler normal, 20 steps, cfg 7',
});

const colours = (data: Uint8Array): number => {
  const seen = new Set<number>();
  for (let i = 0; i < data.length; i += 3) {
    seen.add(((data[i] ?? 0) << 16) | ((data[i + 1] ?? 0) << 8) | (data[i + 2] ?? 0));
  }
  return seen.size;
};

describe('drawing', () => {
  it.each(['rolling hills', 'a mountain', 'the sea', 'a desert', 'a forest', 'a city at night'])(
    'fills any size with "%s"',
    (prompt) => {
      for (const [width, height] of [
        [512, 512],
        [768, 512],
        [64, 64],
        [8, 8],
        [1, 1],
        [1000, 40],
        [24, 640],
      ] as const) {
        const bitmap = drawPicture(recipe(prompt), width, height);
        expect(bitmap.data).toHaveLength(width * height * 3);
        if (width * height > 4000) expect(colours(bitmap.data)).toBeGreaterThan(50);
      }
    },
  );

  it('writes the caption in light letters on a dark band', () => {
    const { data, width, height } = drawPicture(recipe('a lake'), 512, 512);
    const row = (y: number) => [...data.subarray(y * width * 3, (y + 1) * width * 3)];
    const band = Array.from({ length: 60 }, (_unused, i) => row(height - 10 - i)).flat();
    expect(band.filter((value) => value > 160).length).toBeGreaterThan(500);
    expect(band.filter((value) => value < 90).length).toBeGreaterThan(band.length / 2);
  });

  it('clears up from noise in previews', () => {
    const [early, late] = [0.1, 1].map((part) => drawPreview(recipe('a lake'), 512, 256, part));
    expect([early?.width, early?.height]).toEqual([512, 256]);
    expect(colours(early?.data ?? new Uint8Array())).not.toBe(
      colours(late?.data ?? new Uint8Array()),
    );
  });
});
