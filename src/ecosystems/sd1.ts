import start from './skeletons/sd1/start.json' with { type: 'json' };
import { createStableDiffusion } from './stable-diffusion.ts';

/** Stable Diffusion 1.x. */
export const sd1 = createStableDiffusion({ name: 'sd1', start, nativeClipSkip: 1 });
