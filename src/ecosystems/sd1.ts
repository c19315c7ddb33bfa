import textToImage from './skeletons/sd1/text-to-image.json' with { type: 'json' };
import { createStableDiffusion } from './stable-diffusion.ts';

/** Stable Diffusion 1.x. */
export const sd1 = createStableDiffusion({ name: 'sd1', textToImage, nativeClipSkip: 1 });
