/**
 * What one image costs, in the credits clients of the original service expect to read. Pure. Fixed when the job is
 * accepted; `whatif`, the job and the consumption show the same number.
 *
 * cost = base × (width·height / reference pixels) × (steps / 20)
 *
 * A hires pass costs the same again by its own size and steps; a pass that draws nothing (denoise 0) counts as one step.
 *
 * The original's price list documents the formula with base 4 for sd1 (512²) and 8 for sdxl (1024²). Its v1 answers are
 * lower by one factor: a captured SDXL job of 768×512 and 20 steps cost 0.96, which is 0.32 of the list price.
 * For sd3 and flux1 no list price is documented; two and three times sdxl are our estimates of the work.
 * https://developer.civitai.com/docs/orchestration
 */
import type { Ecosystem, TextToImage } from './generation.ts';
import { finishedSize } from './picture-size.ts';

const V1_SHARE_OF_LIST_PRICE = 0.32;
const REFERENCE_STEPS = 20;

const LIST_PRICES: Readonly<Record<Ecosystem, { readonly base: number; readonly pixels: number }>> =
  {
    sd1: { base: 4, pixels: 512 * 512 },
    sdxl: { base: 8, pixels: 1024 * 1024 },
    sd3: { base: 16, pixels: 1024 * 1024 },
    flux1: { base: 24, pixels: 1024 * 1024 },
  };

interface Pass extends Pick<TextToImage, 'width' | 'height' | 'steps'> {
  readonly denoise: number;
}

const passesOf = (generation: Priced): Pass[] => {
  const { width, height, steps, source, hires } = generation;
  const first = { width, height, steps, denoise: source?.denoise ?? 1 };
  if (hires === undefined) return [first];
  const { denoise } = hires;
  return [first, { ...finishedSize(generation), steps: hires.steps ?? steps, denoise }];
};

type Priced = Pick<TextToImage, 'ecosystem' | 'width' | 'height' | 'steps' | 'source' | 'hires'>;

/** Cost of one image, rounded to four decimals. */
export const imageCost = (generation: Priced): number => {
  const { base, pixels } = LIST_PRICES[generation.ecosystem];
  const work = passesOf(generation).reduce(
    (sum, { width, height, steps, denoise }) =>
      sum + ((width * height) / pixels) * ((denoise === 0 ? 1 : steps) / REFERENCE_STEPS),
    0,
  );
  return roundedCost(base * V1_SHARE_OF_LIST_PRICE * work);
};

/** To four decimals, as every cost is shown. */
export const roundedCost = (cost: number): number => Math.round(cost * 10_000) / 10_000;

/** What jobs cost whose work is not known beforehand. */
export const FLAT_COSTS = {
  comfy: 1,
  imageTransform: 0.1,
  pictureText: 0.1,
  training: 10,
} as const;
