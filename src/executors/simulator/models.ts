/** Model files the simulator pretends to have; nothing is on disk, only the names are listed and checked. */
import { sampleModelFiles } from '../../domain/sample-models.ts';

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

/** Plain names beside the samples, as real servers have them. */
const PLAIN: ModelFiles = {
  checkpoints: [
    'flux1-dev-fp8.safetensors',
    'sd_xl_base_1.0.safetensors',
    'v1-5-pruned-emaonly.safetensors',
  ],
  loras: ['add-detail.safetensors'],
  vae: ['ae.safetensors', 'vae-ft-mse-840000-ema-pruned.safetensors'],
  embeddings: ['easynegative.safetensors'],
  text_encoders: ['clip_g.safetensors', 'clip_l.safetensors', 't5xxl_fp8_e4m3fn.safetensors'],
  diffusion_models: ['flux1/civitai/618692/691639.safetensors', 'flux1-dev.safetensors'],
  controlnet: [
    'control_v11p_sd15_canny.safetensors',
    'diffusers_xl_canny_full.safetensors',
    'flux-canny-controlnet-v3.safetensors',
  ],
  upscale_models: ['RealESRGAN_x4plus.safetensors'],
  clip_vision: ['clip_vision_g.safetensors'],
};

/** Default listing: a file for every sample model, by the convention that finds a file for an AIR, and plain names. */
export const DEFAULT_MODELS: ModelFiles = merge(sampleModelFiles(), PLAIN);

function merge(...lists: readonly ModelFiles[]): ModelFiles {
  const merged: Record<string, string[]> = {};
  for (const list of lists)
    for (const [folder, names] of Object.entries(list))
      merged[folder] = [...(merged[folder] ?? []), ...names];
  return merged;
}
