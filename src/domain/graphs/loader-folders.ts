/** Which model folder an input of ComfyUI's own loaders chooses from (nodes.py, comfy_extras). Pure. */

/** ComfyUI knows these folders by an old and a new name. */
const TEXT_ENCODERS = ['text_encoders', 'clip'] as const;
const DIFFUSION_MODELS = ['diffusion_models', 'unet'] as const;
const CHECKPOINT = { ckpt_name: ['checkpoints'] } as const;
const LORA = { lora_name: ['loras'] } as const;
const numbered = (count: number): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`clip_name${index + 1}`, TEXT_ENCODERS]),
  );
const CONTROL_NET = { control_net_name: ['controlnet'] } as const;

const FOLDERS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  CheckpointLoaderSimple: CHECKPOINT,
  CheckpointLoader: CHECKPOINT,
  ImageOnlyCheckpointLoader: CHECKPOINT,
  unCLIPCheckpointLoader: CHECKPOINT,
  CreateHookModelAsLora: CHECKPOINT,
  CreateHookModelAsLoraModelOnly: CHECKPOINT,
  LoraLoader: LORA,
  LoraLoaderModelOnly: LORA,
  CreateHookLora: LORA,
  CreateHookLoraModelOnly: LORA,
  VAELoader: { vae_name: ['vae'] },
  UNETLoader: { unet_name: DIFFUSION_MODELS },
  CLIPLoader: { clip_name: TEXT_ENCODERS },
  DualCLIPLoader: numbered(2),
  TripleCLIPLoader: numbered(3),
  QuadrupleCLIPLoader: numbered(4),
  ControlNetLoader: CONTROL_NET,
  DiffControlNetLoader: CONTROL_NET,
  UpscaleModelLoader: { model_name: ['upscale_models'] },
  CLIPVisionLoader: { clip_name: ['clip_vision'] },
  StyleModelLoader: { style_model_name: ['style_models'] },
  GLIGENLoader: { gligen_name: ['gligen'] },
  HypernetworkLoader: { hypernetwork_name: ['hypernetworks'] },
  PhotoMakerLoader: { photomaker_model_name: ['photomaker'] },
};

/** Undefined for an input that is none of a known loader. */
export const loaderFolders = (classType: string, input: string): readonly string[] | undefined => {
  const inputs = Object.hasOwn(FOLDERS, classType) ? FOLDERS[classType] : undefined;
  return inputs && Object.hasOwn(inputs, input) ? inputs[input] : undefined;
};
