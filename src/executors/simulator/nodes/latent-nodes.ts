import { digestOf } from '../graph/node-signature.ts';
import { createBitmap, toRgb, type Bitmap } from '../picture/bitmap.ts';
import { drawPicture } from '../picture/draw-picture.ts';
import { scaleBitmap, scaleLikeComfy } from '../picture/scale-bitmap.ts';
import { scaledMask } from './mask-nodes.ts';
import { digestInputs } from './model-nodes.ts';
import {
  imageIn,
  latentIn,
  numberIn,
  opaqueIn,
  textIn,
  type NodeExecutor,
} from './node-context.ts';
import type { ImageValue, LatentValue, OpaqueValue } from './values.ts';

/** Latents are eighths of a picture; odd pixels fall away, as in the original. */
const toCells = (pixels: number): number => Math.max(8, Math.floor(pixels / 8) * 8);

const emptyLatent: NodeExecutor = (inputs, context) => ({
  outputs: [
    {
      kind: 'latent',
      digest: digestInputs(context.classType, inputs),
      width: toCells(numberIn(inputs, 'width')),
      height: toCells(numberIn(inputs, 'height')),
      batch: numberIn(inputs, 'batch_size', 1),
      pixelSpace: false,
    },
  ],
});

/** An unsampled latent decodes to a flat dull tone. */
const BLANK = [122, 116, 108] as const;

const decodeFrame = (latent: LatentValue, vae: OpaqueValue, index: number): Bitmap => {
  const { width, height, source } = latent;
  const frame = source?.frames[index % source.frames.length];
  const recipe = latent.pictures?.[index];
  if (recipe) {
    const decoded = { ...recipe, digest: digestOf(recipe.digest, vae.digest) };
    return drawPicture(
      decoded,
      width,
      height,
      frame &&
        source && {
          bitmap: scaleBitmap(frame, width, height),
          denoise: source.denoise,
          ...(source.mask && { mask: scaledMask(source.mask, index, width, height) }),
        },
    );
  }
  return frame ? scaleBitmap(frame, width, height) : createBitmap(width, height, BLANK);
};

/** The pictures a latent stands for. */
export const decode = (latent: LatentValue, vae: OpaqueValue): ImageValue => ({
  kind: 'image',
  digest: digestOf('decode', latent.digest, vae.digest),
  frames: Array.from({ length: latent.batch }, (_unused, index) => decodeFrame(latent, vae, index)),
});

const vaeDecode: NodeExecutor = (inputs) => ({
  outputs: [decode(latentIn(inputs, 'samples'), opaqueIn(inputs, 'vae'))],
});

/** A latent that remembers its pictures. */
export const encode = (image: ImageValue, vae: OpaqueValue): LatentValue => {
  const first = image.frames[0] ?? createBitmap(8, 8);
  const pixelSpace = vae.label === 'pixel_space';
  const [width, height] = pixelSpace
    ? [first.width, first.height]
    : [toCells(first.width), toCells(first.height)];
  return {
    kind: 'latent',
    digest: digestOf('encode', image.digest, vae.digest),
    width,
    height,
    batch: image.frames.length,
    source: { frames: image.frames.map(toRgb), denoise: 1 },
    pixelSpace,
  };
};

const vaeEncode: NodeExecutor = (inputs) => ({
  outputs: [encode(imageIn(inputs, 'pixels'), opaqueIn(inputs, 'vae'))],
});

const resized = (
  latent: LatentValue,
  digest: string,
  to: readonly [number, number],
): LatentValue => ({
  ...latent,
  digest,
  width: to[0],
  height: to[1],
});

const latentUpscale: NodeExecutor = (inputs, context) => {
  const latent = latentIn(inputs, 'samples');
  const [width, height] = [numberIn(inputs, 'width'), numberIn(inputs, 'height')];
  if (width === 0 && height === 0) return { outputs: [latent] };
  const to: [number, number] = [
    toCells(width === 0 ? (latent.width * height) / latent.height : width),
    toCells(height === 0 ? (latent.height * width) / latent.width : height),
  ];
  const digest = digestInputs(context.classType, inputs);
  const method = textIn(inputs, 'upscale_method');
  const crop = textIn(inputs, 'crop');
  const source = latent.source && {
    ...latent.source,
    frames: latent.source.frames.map((frame) => scaleLikeComfy(frame, ...to, method, crop)),
  };
  return { outputs: [{ ...resized(latent, digest, to), ...(source && { source }) }] };
};

const latentUpscaleBy: NodeExecutor = (inputs, context) => {
  const latent = latentIn(inputs, 'samples');
  const by = numberIn(inputs, 'scale_by');
  const scale = (pixels: number): number =>
    latent.pixelSpace
      ? Math.max(1, Math.round(pixels * by))
      : toCells(Math.round((pixels / 8) * by) * 8);
  const to: [number, number] = [scale(latent.width), scale(latent.height)];
  return { outputs: [resized(latent, digestInputs(context.classType, inputs), to)] };
};

const repeatBatch: NodeExecutor = (inputs, context) => {
  const latent = latentIn(inputs, 'samples');
  const amount = numberIn(inputs, 'amount');
  const times = <T>(items: readonly T[]): T[] => Array.from({ length: amount }, () => items).flat();
  return {
    outputs: [
      {
        ...latent,
        digest: digestInputs(context.classType, inputs),
        batch: latent.batch * amount,
        ...(latent.pictures && { pictures: times(latent.pictures) }),
        ...(latent.source && { source: { ...latent.source, frames: times(latent.source.frames) } }),
      },
    ],
  };
};

const fromBatch: NodeExecutor = (inputs, context) => {
  const latent = latentIn(inputs, 'samples');
  const start = Math.min(latent.batch - 1, numberIn(inputs, 'batch_index'));
  const end = Math.min(latent.batch, start + numberIn(inputs, 'length'));
  return {
    outputs: [
      {
        ...latent,
        digest: digestInputs(context.classType, inputs),
        batch: end - start,
        ...(latent.pictures && { pictures: latent.pictures.slice(start, end) }),
        ...(latent.source && {
          source: { ...latent.source, frames: latent.source.frames.slice(start, end) },
        }),
      },
    ],
  };
};

export const LATENT_NODES: Readonly<Record<string, NodeExecutor>> = {
  EmptyLatentImage: emptyLatent,
  EmptySD3LatentImage: emptyLatent,
  EmptyHunyuanImageLatent: emptyLatent,
  VAEDecode: vaeDecode,
  VAEEncode: vaeEncode,
  LatentUpscale: latentUpscale,
  LatentUpscaleBy: latentUpscaleBy,
  RepeatLatentBatch: repeatBatch,
  LatentFromBatch: fromBatch,
};
