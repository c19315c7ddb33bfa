import { digestOf } from '../graph/node-signature.ts';
import { createBitmap, mixByMask } from '../picture/bitmap.ts';
import { encode } from './latent-nodes.ts';
import { scaledMask } from './mask-nodes.ts';
import { digestInputs } from './model-nodes.ts';
import { imageIn, latentIn, maskIn, opaqueIn, type NodeExecutor } from './node-context.ts';
import type { LatentValue, MaskValue } from './values.ts';

const withMask = (latent: LatentValue, mask: MaskValue): LatentValue =>
  latent.source ? { ...latent, source: { ...latent.source, mask } } : latent;

const setNoiseMask: NodeExecutor = (inputs, context) => {
  const latent = withMask(latentIn(inputs, 'samples'), maskIn(inputs, 'mask'));
  return { outputs: [{ ...latent, digest: digestInputs(context.classType, inputs) }] };
};

const GREY = [128, 128, 128] as const;

/** Greys out what is to be painted before it is encoded, as the original does. */
const encodeForInpaint: NodeExecutor = (inputs, context) => {
  const image = imageIn(inputs, 'pixels');
  const mask = maskIn(inputs, 'mask');
  const frames = image.frames.map((frame, index) => {
    const { width, height } = frame;
    return mixByMask(
      frame,
      createBitmap(width, height, GREY),
      scaledMask(mask, index, width, height),
    );
  });
  const latent = withMask(encode({ ...image, frames }, opaqueIn(inputs, 'vae')), mask);
  return { outputs: [{ ...latent, digest: digestInputs(context.classType, inputs) }] };
};

const conditionForInpaint: NodeExecutor = (inputs, context) => {
  const digest = digestInputs(context.classType, inputs);
  const plain = encode(imageIn(inputs, 'pixels'), opaqueIn(inputs, 'vae'));
  const latent = inputs['noise_mask'] === false ? plain : withMask(plain, maskIn(inputs, 'mask'));
  const [positive, negative] = [opaqueIn(inputs, 'positive'), opaqueIn(inputs, 'negative')];
  return {
    outputs: [
      { ...positive, digest: digestOf(digest, 'positive') },
      { ...negative, digest: digestOf(digest, 'negative') },
      { ...latent, digest: digestOf(digest, 'latent') },
    ],
  };
};

export const INPAINT_NODES: Readonly<Record<string, NodeExecutor>> = {
  SetLatentNoiseMask: setNoiseMask,
  VAEEncodeForInpaint: encodeForInpaint,
  InpaintModelConditioning: conditionForInpaint,
};
