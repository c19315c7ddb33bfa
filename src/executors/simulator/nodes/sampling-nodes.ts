import { digestOf } from '../graph/node-signature.ts';
import { drawPreview, type PictureRecipe } from '../picture/draw-picture.ts';
import { digestInputs } from './model-nodes.ts';
import {
  latentIn,
  numberIn,
  opaqueIn,
  textIn,
  wordsIn,
  type NodeContext,
  type NodeExecutor,
} from './node-context.ts';
import type { LatentValue } from './values.ts';

interface Sampling {
  readonly digest: string;
  readonly model: string;
  readonly prompt: string;
  readonly seed: string;
  readonly settings: string;
  readonly steps: number;
  readonly denoise: number;
  readonly latent: LatentValue;
}

const recipesOf = (sampling: Sampling): PictureRecipe[] => {
  const { latent, prompt, seed, model, settings, denoise } = sampling;
  return Array.from({ length: latent.batch }, (_unused, index) => ({
    digest: digestOf(sampling.digest, index),
    // Sampling over a picture in part keeps its scene: that is what a hires pass is for.
    composition:
      (denoise < 1 ? latent.pictures?.[index]?.composition : undefined) ??
      digestOf(model, prompt, seed, index),
    prompt,
    seed,
    model,
    settings,
  }));
};

const runSampler = async (sampling: Sampling, context: NodeContext): Promise<LatentValue> => {
  const { latent, steps, denoise } = sampling;
  const pictures = recipesOf(sampling);
  const first = pictures[0];
  for (let step = 1; step <= steps; step++) {
    await context.step(
      step,
      steps,
      first && (() => drawPreview(first, latent.width, latent.height, step / steps)),
    );
  }
  const source =
    latent.source && (denoise < 1 || latent.source.mask)
      ? { ...latent.source, denoise: latent.source.denoise * denoise }
      : undefined;
  return {
    kind: 'latent',
    digest: sampling.digest,
    width: latent.width,
    height: latent.height,
    batch: latent.batch,
    pictures,
    pixelSpace: false,
    ...(source && { source }),
  };
};

const kSampler: NodeExecutor = async (inputs, context) => {
  const model = opaqueIn(inputs, 'model');
  const cfg = numberIn(inputs, 'cfg');
  const steps = numberIn(inputs, 'steps');
  const denoise = numberIn(inputs, 'denoise', 1);
  const latent = latentIn(inputs, 'latent_image');
  if (denoise <= 0) return { outputs: [latent] };
  const names = `${textIn(inputs, 'sampler_name')} ${textIn(inputs, 'scheduler')}`;
  const part = denoise < 1 ? `, denoise ${denoise}` : '';
  const sampling: Sampling = {
    digest: digestInputs('KSampler', inputs),
    model: model.label,
    prompt: opaqueIn(inputs, 'positive').text,
    seed: wordsIn(inputs, 'seed'),
    settings: `${names}, ${steps} steps, cfg ${cfg}${part}`,
    steps,
    denoise,
    latent,
  };
  return { outputs: [await runSampler(sampling, context)] };
};

const kSamplerAdvanced: NodeExecutor = async (inputs, context) => {
  const steps = numberIn(inputs, 'steps');
  const start = Math.min(steps, numberIn(inputs, 'start_at_step'));
  const end = Math.min(steps, numberIn(inputs, 'end_at_step'));
  const latent = latentIn(inputs, 'latent_image');
  if (end <= start) return { outputs: [latent] };
  const names = `${textIn(inputs, 'sampler_name')} ${textIn(inputs, 'scheduler')}`;
  const sampling: Sampling = {
    digest: digestInputs('KSamplerAdvanced', inputs),
    model: opaqueIn(inputs, 'model').label,
    prompt: opaqueIn(inputs, 'positive').text,
    seed: wordsIn(inputs, 'noise_seed'),
    settings: `${names}, steps ${start}-${end}/${steps}, cfg ${numberIn(inputs, 'cfg')}`,
    steps: end - start,
    denoise: (steps - start) / steps,
    latent,
  };
  return { outputs: [await runSampler(sampling, context)] };
};

const samplerCustomAdvanced: NodeExecutor = async (inputs, context) => {
  const guider = opaqueIn(inputs, 'guider');
  const noise = opaqueIn(inputs, 'noise');
  const sigmas = opaqueIn(inputs, 'sigmas');
  const steps = Math.max(1, sigmas.steps);
  const sampling: Sampling = {
    digest: digestInputs('SamplerCustomAdvanced', inputs),
    model: guider.label,
    prompt: guider.text,
    seed: noise.words,
    settings: `${opaqueIn(inputs, 'sampler').words}, ${steps} steps`,
    steps,
    denoise: latentIn(inputs, 'latent_image').source ? 0.75 : 1,
    latent: latentIn(inputs, 'latent_image'),
  };
  const latent = await runSampler(sampling, context);
  return { outputs: [latent, latent] };
};

const samplerCustom: NodeExecutor = async (inputs, context) => {
  const steps = Math.max(1, opaqueIn(inputs, 'sigmas').steps);
  const sampling: Sampling = {
    digest: digestInputs('SamplerCustom', inputs),
    model: opaqueIn(inputs, 'model').label,
    prompt: opaqueIn(inputs, 'positive').text,
    seed: wordsIn(inputs, 'noise_seed'),
    settings: `${opaqueIn(inputs, 'sampler').words}, ${steps} steps, cfg ${numberIn(inputs, 'cfg')}`,
    steps,
    denoise: latentIn(inputs, 'latent_image').source ? 0.75 : 1,
    latent: latentIn(inputs, 'latent_image'),
  };
  const latent = await runSampler(sampling, context);
  return { outputs: [latent, latent] };
};

export const SAMPLING_NODES: Readonly<Record<string, NodeExecutor>> = {
  KSampler: kSampler,
  KSamplerAdvanced: kSamplerAdvanced,
  SamplerCustom: samplerCustom,
  SamplerCustomAdvanced: samplerCustomAdvanced,
};
