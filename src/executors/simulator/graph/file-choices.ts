/** Which inputs choose among files: their choices are no part of a recording, they come from this server's own lists. */
import type { ModelFiles } from '../models.ts';

const clips = (count: number): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: count }, (_unused, index) => [`clip_name${index + 1}`, 'text_encoders']),
  );

/** Class → input → model folder; `input:<kind>` stands for the uploaded files of that kind, `none-or:` for one choice more. */
export const FILE_INPUTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  CheckpointLoaderSimple: { ckpt_name: 'checkpoints' },
  CheckpointLoader: { config_name: 'configs', ckpt_name: 'checkpoints' },
  ImageOnlyCheckpointLoader: { ckpt_name: 'checkpoints' },
  unCLIPCheckpointLoader: { ckpt_name: 'checkpoints' },
  CreateHookModelAsLora: { ckpt_name: 'checkpoints' },
  CreateHookModelAsLoraModelOnly: { ckpt_name: 'checkpoints' },
  LoraLoader: { lora_name: 'loras' },
  LoraLoaderModelOnly: { lora_name: 'loras' },
  CreateHookLora: { lora_name: 'loras' },
  CreateHookLoraModelOnly: { lora_name: 'loras' },
  TrainLoraNode: { existing_lora: 'none-or:loras' },
  VAELoader: { vae_name: 'vae' },
  UNETLoader: { unet_name: 'diffusion_models' },
  CLIPLoader: { clip_name: 'text_encoders' },
  DualCLIPLoader: clips(2),
  TripleCLIPLoader: clips(3),
  QuadrupleCLIPLoader: clips(4),
  ControlNetLoader: { control_net_name: 'controlnet' },
  DiffControlNetLoader: { control_net_name: 'controlnet' },
  UpscaleModelLoader: { model_name: 'upscale_models' },
  LatentUpscaleModelLoader: { model_name: 'latent_upscale_models' },
  CLIPVisionLoader: { clip_name: 'clip_vision' },
  StyleModelLoader: { style_model_name: 'style_models' },
  GLIGENLoader: { gligen_name: 'gligen' },
  HypernetworkLoader: { hypernetwork_name: 'hypernetworks' },
  PhotoMakerLoader: { photomaker_model_name: 'photomaker' },
  ModelPatchLoader: { name: 'model_patches' },
  DiffusersLoader: { model_path: 'diffusers' },
  LoadImage: { image: 'input:image' },
  LoadImageMask: { image: 'input:image' },
  LoadLatent: { latent: 'input:latent' },
  LoadVideo: { file: 'input:video' },
  Load3D: { model_file: 'input:3d' },
};

const INPUT_KINDS: Readonly<Record<string, RegExp>> = {
  'input:image': /\.(png|jpe?g|webp|gif|bmp|tiff?)$/i,
  'input:latent': /\.latent$/i,
  'input:video': /\.(mp4|webm|mkv|mov|avi)$/i,
  'input:3d': /\.(glb|gltf|obj|fbx|stl)$/i,
};

/** Tiny VAEs of `vae_approx`: name in the list → file names of both halves start with it. */
const TINY_VAES = ['taesd', 'taesdxl', 'taesd3', 'taef1'];

const tinyVaes = (files: readonly string[]): string[] =>
  TINY_VAES.filter((name) =>
    ['encoder', 'decoder'].every((half) =>
      files.some((file) => file.startsWith(`${name}_${half}.`)),
    ),
  );

const NONE_OR = 'none-or:';

/** The choices of a file input as of now. */
export const fileChoices = (
  folder: string,
  models: ModelFiles,
  inputFiles: () => readonly string[],
): readonly string[] => {
  const kind = INPUT_KINDS[folder];
  if (kind) return inputFiles().filter((file) => kind.test(file));
  if (folder.startsWith(NONE_OR))
    return [...(models[folder.slice(NONE_OR.length)] ?? []), '[None]'];
  const files = models[folder] ?? [];
  // A built-in VAE without weights, listed after the files.
  return folder === 'vae'
    ? [...files, ...tinyVaes(models['vae_approx'] ?? []), 'pixel_space']
    : files;
};
