/** One run of the sampler over a latent, by one model or, with a refiner, by two in turn. */
import type { Graph } from '../domain/graphs/graph.ts';
import type { Ingredients } from './ingredients.ts';
import { fillSkeleton, type Fragments, type Link } from './skeleton.ts';
import refine from './skeletons/picture/refine.json' with { type: 'json' };
import sample from './skeletons/picture/sample.json' with { type: 'json' };

export interface Run {
  readonly steps: number;
  /** Above 0, at most 1: how much of the latent is drawn anew. */
  readonly denoise: number;
  readonly seed: number;
}

export interface Drawn {
  readonly nodes: Graph;
  readonly latent: Link;
}

/** The largest number of steps a KSamplerAdvanced takes. */
const MOST_STEPS = 10_000;

const common = (made: Ingredients, latent: Link) => ({
  ...{ model: made.model, positive: made.positive, negative: made.negative, latent },
  ...{ cfg: made.cfg, sampler: made.sampling.sampler, scheduler: made.sampling.scheduler },
});

/** Samples a latent with one model. */
export const sampleOnce = (
  made: Ingredients,
  latent: Link,
  { steps, denoise, seed }: Run,
  { fill, link }: Fragments,
): Drawn => ({
  nodes: fill(sample, { ...common(made, latent), steps, denoise, seed }),
  latent: link('sampler'),
});

/**
 * Samples the first part of the run with the base model and the rest with the refiner. A run that denoises in part is
 * the end of a longer one, of which KSampler too takes the last `steps` steps.
 */
export const sampleInTurn = (
  made: Ingredients,
  latent: Link,
  { steps, denoise, seed }: Run,
  { refiner, switchAt }: { readonly refiner: string; readonly switchAt: number },
): Drawn => {
  const whole = Math.max(steps, Math.min(MOST_STEPS, Math.floor(steps / denoise)));
  const startStep = whole - steps;
  const baseSteps = Math.min(Math.max(Math.round(steps * switchAt), 1), Math.max(steps - 1, 1));
  return {
    nodes: fillSkeleton(refine, {
      ...{ ...common(made, latent), ...made.prompts, refiner, seed },
      ...{ steps: whole, startStep, switchStep: startStep + baseSteps },
    }),
    latent: ['refiner-sampler', 0],
  };
};
