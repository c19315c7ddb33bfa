import { createBitmap, mixBitmaps, mixByMask, type Bitmap, type Rgb } from './bitmap.ts';
import { paintCaption } from './caption.ts';
import { paintLand, paintLandDetails } from './land.ts';
import { choosePalette } from './palettes.ts';
import { between, createRandom } from './random.ts';
import { chooseLandscape, drawRidges } from './ridges.ts';
import { scaleBitmap } from './scale-bitmap.ts';
import { paintSky, paintStars, paintSun, type Sun } from './sky.ts';

/** What a sampler leaves behind: enough to draw the same picture again, byte for byte. */
export interface PictureRecipe {
  /** Hex digest of everything that reaches the sampler; decides the details. */
  readonly digest: string;
  /** Hex digest of model, prompt and seed; decides the scene, so that variants resemble each other. */
  readonly composition: string;
  readonly prompt: string;
  readonly seed: string;
  readonly model: string;
  /** Sampler settings in words. */
  readonly settings: string;
}

/** The scene without its caption. Takes a few milliseconds at 512×512. */
export const drawScene = (recipe: PictureRecipe, width: number, height: number): Bitmap => {
  const bitmap = createBitmap(width, height);
  const composition = createRandom(recipe.composition);
  const details = createRandom(recipe.digest, 1);
  const palette = choosePalette(recipe.prompt, composition);
  const landscape = chooseLandscape(recipe.prompt, composition);
  const sun: Sun = {
    x: between(composition, 0.15, 0.85) * width,
    y: between(composition, 0.14, 0.46) * height,
    radius: between(composition, 0.035, 0.085) * height,
  };
  const ridges = drawRidges(landscape, composition, width, height);
  const tint: Rgb = [
    between(details, -10, 10),
    between(details, -10, 10),
    between(details, -10, 10),
  ];
  const sway = between(details, -0.012, 0.012) * height;
  for (const { depth, tops } of ridges) {
    for (let x = 0; x < width; x++) tops[x] = (tops[x] ?? 0) + sway * (1 - depth);
  }
  const bottom = Math.min(
    height,
    Math.max(1, Math.ceil(ridges[0]?.tops.reduce((a, b) => Math.max(a, b)) ?? height) + 1),
  );
  paintSky(bitmap, bottom, palette, sun, tint, details);
  if (palette.stars) paintStars(bitmap, bottom, details);
  paintSun(bitmap, sun, palette.light);
  paintLand(bitmap, ridges, palette, tint);
  paintLandDetails(bitmap, landscape, ridges, palette, sun, details);
  return bitmap;
};

/** A picture that was sampled over, and how much of it may change. */
export interface PictureSource {
  readonly bitmap: Bitmap;
  readonly denoise: number;
  /** 0..255 a pixel, of the picture's size. */
  readonly mask?: Uint8Array;
}

const overSource = ({ bitmap, denoise, mask }: PictureSource, scene: Bitmap): Bitmap => {
  const changed = mixBitmaps(bitmap, scene, denoise);
  return mask ? mixByMask(bitmap, changed, mask) : changed;
};

/** The finished picture: scene, and a caption with prompt, seed, size, model and settings. */
export const drawPicture = (
  recipe: PictureRecipe,
  width: number,
  height: number,
  source?: PictureSource,
): Bitmap => {
  const scene = drawScene(recipe, width, height);
  const bitmap = source ? overSource(source, scene) : scene;
  const accent = choosePalette(recipe.prompt, createRandom(recipe.composition)).light;
  paintCaption(
    bitmap,
    {
      prompt: recipe.prompt,
      facts: [
        // A thumbnail has room for the number alone.
        width < 96
          ? recipe.seed
          : `seed ${recipe.seed}  ${width}x${height}  #${recipe.digest.slice(0, 6)}`,
        recipe.model.replace(/\.(safetensors|ckpt|pt|gguf)$/, ''),
        recipe.settings,
      ],
    },
    accent,
  );
  return bitmap;
};

/** Longest side of a preview; smaller pictures are enlarged to it, as in the original. */
const PREVIEW_SIDE = 512;

/** A rough picture of a half-finished one: noise that clears up as `fraction` goes to 1. */
export const drawPreview = (
  recipe: PictureRecipe,
  width: number,
  height: number,
  fraction: number,
): Bitmap => {
  const scale = Math.min(1, 192 / Math.max(width, height));
  const scene = drawScene(
    recipe,
    Math.max(1, Math.round(width * scale)),
    Math.max(1, Math.round(height * scale)),
  );
  const cells = createBitmap(Math.ceil(scene.width / 4), Math.ceil(scene.height / 4));
  const random = createRandom(recipe.digest, Math.round(fraction * 1000));
  for (let i = 0; i < cells.data.length; i++) cells.data[i] = random() * 256;
  const noise = scaleBitmap(cells, scene.width, scene.height, 'nearest-exact');
  const enlarge = PREVIEW_SIDE / Math.max(width, height);
  return scaleBitmap(
    mixBitmaps(noise, scene, Math.min(1, fraction)),
    Math.max(1, Math.round(width * enlarge)),
    Math.max(1, Math.round(height * enlarge)),
  );
};
