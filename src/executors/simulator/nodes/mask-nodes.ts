import { digestOf } from '../graph/node-signature.ts';
import { createBitmap, toRgb, type Bitmap } from '../picture/bitmap.ts';
import { scaleBitmap } from '../picture/scale-bitmap.ts';
import { digestInputs } from './model-nodes.ts';
import { imageIn, maskIn, numberIn, textIn, type NodeExecutor } from './node-context.ts';
import type { MaskValue } from './values.ts';

/** White where the mask is set. */
export const maskToBitmap = (mask: MaskValue): Bitmap[] =>
  mask.frames.map((frame) => {
    const data = new Uint8Array(frame.length * 3);
    frame.forEach((value, index) => data.fill(value, index * 3, index * 3 + 3));
    return { width: mask.width, height: mask.height, channels: 3, data };
  });

/** One frame of a mask, 0..255 a pixel, in another size; the frames repeat. */
export const scaledMask = (
  mask: MaskValue,
  index: number,
  width: number,
  height: number,
): Uint8Array => {
  const frames = maskToBitmap(mask);
  const frame = frames[index % frames.length] ?? createBitmap(mask.width, mask.height);
  return channelOf(scaleBitmap(frame, width, height), 'red');
};

/** One channel of a picture as a mask; `alpha` of an RGB picture is empty. */
export const channelOf = (bitmap: Bitmap, channel: string): Uint8Array => {
  const offset = { red: 0, green: 1, blue: 2, alpha: 3 }[channel] ?? 0;
  const frame = new Uint8Array(bitmap.width * bitmap.height);
  if (offset >= bitmap.channels) return frame;
  for (let i = 0; i < frame.length; i++) frame[i] = bitmap.data[i * bitmap.channels + offset] ?? 0;
  return frame;
};

const solidMask: NodeExecutor = (inputs, context) => {
  const [width, height] = [numberIn(inputs, 'width'), numberIn(inputs, 'height')];
  const value = Math.round(numberIn(inputs, 'value') * 255);
  const digest = digestInputs(context.classType, inputs);
  const frames = [new Uint8Array(width * height).fill(value)];
  return { outputs: [{ kind: 'mask', digest, width, height, frames }] };
};

const maskToImage: NodeExecutor = (inputs, context) => ({
  outputs: [
    {
      kind: 'image',
      digest: digestInputs(context.classType, inputs),
      frames: maskToBitmap(maskIn(inputs, 'mask')),
    },
  ],
});

const imageToMask: NodeExecutor = (inputs, context) => {
  const image = imageIn(inputs, 'image');
  const channel = textIn(inputs, 'channel');
  const first = image.frames[0];
  return {
    outputs: [
      {
        kind: 'mask',
        digest: digestInputs(context.classType, inputs),
        width: first?.width ?? 0,
        height: first?.height ?? 0,
        frames: image.frames.map((frame) => channelOf(frame, channel)),
      },
    ],
  };
};

const invertMask: NodeExecutor = (inputs, context) => {
  const mask = maskIn(inputs, 'mask');
  return {
    outputs: [
      {
        ...mask,
        digest: digestInputs(context.classType, inputs),
        frames: mask.frames.map((frame) => frame.map((value) => 255 - value)),
      },
    ],
  };
};

/** Pictures here never carry an alpha channel, whose mask is then empty. */
const splitAlpha: NodeExecutor = (inputs, context) => {
  const digest = digestInputs(context.classType, inputs);
  const { frames } = imageIn(inputs, 'image');
  const [first] = frames;
  const mask: MaskValue = {
    kind: 'mask',
    digest: digestOf(digest, 'alpha'),
    width: first?.width ?? 0,
    height: first?.height ?? 0,
    frames: frames.map((frame) => new Uint8Array(frame.width * frame.height)),
  };
  return { outputs: [{ kind: 'image', digest, frames: frames.map(toRgb) }, mask] };
};

export const MASK_NODES: Readonly<Record<string, NodeExecutor>> = {
  SolidMask: solidMask,
  MaskToImage: maskToImage,
  ImageToMask: imageToMask,
  InvertMask: invertMask,
  SplitImageWithAlpha: splitAlpha,
};
