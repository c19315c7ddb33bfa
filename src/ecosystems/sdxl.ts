import start from './skeletons/sdxl/start.json' with { type: 'json' };
import { createStableDiffusion } from './stable-diffusion.ts';

/**
 * Stable Diffusion XL and its children (pony, illustrious, noobai).
 * Clip skip 1 and 2 are the same picture: SDXL is trained on the last but one layer and ComfyUI takes it by itself.
 */
export const sdxl = createStableDiffusion({ name: 'sdxl', start, nativeClipSkip: 2 });
