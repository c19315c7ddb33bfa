/** Model files the simulator pretends to have; nothing is on disk, only the names are listed and checked. */

/** Folder → file names, in the order a listing shows them. */
export type ModelFiles = Readonly<Record<string, readonly string[]>>;

/** Model folders of a stock ComfyUI; `/models` lists them even when they are empty. */
export const MODEL_FOLDERS = [
  'checkpoints',
  'configs',
  'loras',
  'vae',
  'text_encoders',
  'diffusion_models',
  'clip_vision',
  'style_models',
  'embeddings',
  'diffusers',
  'vae_approx',
  'controlnet',
  'gligen',
  'upscale_models',
  'custom_nodes',
  'hypernetworks',
  'photomaker',
  'classifiers',
  'model_patches',
  'audio_encoders',
] as const;

/** Default listing. `<ecosystem>/civitai/<model>/<version>` is how this product finds a file for an AIR. */
export const DEFAULT_MODELS: ModelFiles = {
  checkpoints: [
    'sd1/civitai/4384/128713.safetensors',
    'sdxl/civitai/101055/128078.safetensors',
    'flux1/civitai/618692/691639.safetensors',
    'flux1-dev-fp8.safetensors',
    'sd_xl_base_1.0.safetensors',
    'v1-5-pruned-emaonly.safetensors',
  ],
  loras: [
    'sd1/civitai/82098/87153.safetensors',
    'sd1/civitai/58390/62833.safetensors',
    'sdxl/civitai/122359/135867.safetensors',
    'sdxl/civitai/120096/135931.safetensors',
    'flux1/civitai/233497/937698.safetensors',
    'add-detail.safetensors',
  ],
  vae: [
    'sd1/civitai/276082/311162.safetensors',
    'sdxl/civitai/296576/333245.safetensors',
    'ae.safetensors',
    'vae-ft-mse-840000-ema-pruned.safetensors',
  ],
  embeddings: [
    'sd1/civitai/7808/9208.safetensors',
    'sd1/civitai/4629/5637.pt',
    'easynegative.safetensors',
  ],
  text_encoders: ['clip_g.safetensors', 'clip_l.safetensors', 't5xxl_fp8_e4m3fn.safetensors'],
  diffusion_models: ['flux1/civitai/618692/691639.safetensors', 'flux1-dev.safetensors'],
  controlnet: ['control_v11p_sd15_canny.safetensors'],
  upscale_models: ['RealESRGAN_x4plus.safetensors'],
  clip_vision: ['clip_vision_g.safetensors'],
};
