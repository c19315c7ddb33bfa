import info from '../object-info/core.json' with { type: 'json' };
import type { ModelFiles } from '../models.ts';

/** `[type, options]`; the type is a name or, for an old-style combo, the list of choices itself. */
export type InputSpec = readonly [string | readonly unknown[], Readonly<Record<string, unknown>>?];

export interface NodeDefinition {
  readonly input: {
    readonly required?: Readonly<Record<string, InputSpec>>;
    readonly optional?: Readonly<Record<string, InputSpec>>;
    readonly hidden?: Readonly<Record<string, unknown>>;
  };
  readonly output: readonly (string | readonly unknown[])[];
  readonly name: string;
  readonly output_node: boolean;
}

export interface NodeDefinitions {
  /** The definition with its file lists filled in as of now, or undefined for an unknown class. */
  find(classType: string): NodeDefinition | undefined;
  all(): Record<string, NodeDefinition>;
}

const STATIC = info as unknown as Readonly<Record<string, NodeDefinition>>;

/** Inputs whose choices are the files of a model folder; `input` stands for the uploaded images. */
const FILE_INPUTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  CheckpointLoaderSimple: { ckpt_name: 'checkpoints' },
  ImageOnlyCheckpointLoader: { ckpt_name: 'checkpoints' },
  LoraLoader: { lora_name: 'loras' },
  LoraLoaderModelOnly: { lora_name: 'loras' },
  VAELoader: { vae_name: 'vae' },
  UNETLoader: { unet_name: 'diffusion_models' },
  CLIPLoader: { clip_name: 'text_encoders' },
  DualCLIPLoader: { clip_name1: 'text_encoders', clip_name2: 'text_encoders' },
  TripleCLIPLoader: {
    clip_name1: 'text_encoders',
    clip_name2: 'text_encoders',
    clip_name3: 'text_encoders',
  },
  ControlNetLoader: { control_net_name: 'controlnet' },
  UpscaleModelLoader: { model_name: 'upscale_models' },
  CLIPVisionLoader: { clip_name: 'clip_vision' },
  StyleModelLoader: { style_model_name: 'style_models' },
  LoadImage: { image: 'input' },
  LoadImageMask: { image: 'input' },
};

const withChoices = (spec: InputSpec, choices: readonly string[]): InputSpec =>
  typeof spec[0] === 'string'
    ? [spec[0], { ...spec[1], options: choices }]
    : spec.length === 1
      ? [choices]
      : [choices, spec[1] ?? {}];

const choicesOf = (folder: string, models: ModelFiles, inputs: readonly string[]) => {
  if (folder === 'input') return inputs;
  const files = models[folder] ?? [];
  // A built-in VAE without weights, listed after the files.
  return folder === 'vae' ? [...files, 'pixel_space'] : files;
};

/** Definitions of the node classes in `object-info/core.json`, recorded from a real server's `/object_info`. */
export const createNodeDefinitions = (sources: {
  models(): ModelFiles;
  inputFiles(): readonly string[];
}): NodeDefinitions => {
  const has = (classType: string): boolean => Object.hasOwn(STATIC, classType);
  const find = (classType: string): NodeDefinition | undefined => {
    const definition = has(classType) ? STATIC[classType] : undefined;
    const fileInputs = FILE_INPUTS[classType];
    if (!definition || !fileInputs) return definition;
    const required = { ...definition.input.required };
    for (const [input, folder] of Object.entries(fileInputs)) {
      const spec = required[input];
      if (!spec) continue;
      const inputs = folder === 'input' ? sources.inputFiles() : [];
      required[input] = withChoices(spec, choicesOf(folder, sources.models(), inputs));
    }
    return { ...definition, input: { ...definition.input, required } };
  };
  return {
    find,
    all: () => {
      const out: Record<string, NodeDefinition> = {};
      for (const name of Object.keys(STATIC)) {
        const definition = find(name);
        if (definition) out[name] = definition;
      }
      return out;
    },
  };
};

/** The declared input of that name: its spec and whether it is required. */
export const declaredInputs = (
  definition: NodeDefinition,
): readonly { name: string; spec: InputSpec; required: boolean }[] => [
  ...Object.entries(definition.input.required ?? {}).map(([name, spec]) => ({
    name,
    spec,
    required: true,
  })),
  ...Object.entries(definition.input.optional ?? {}).map(([name, spec]) => ({
    name,
    spec,
    required: false,
  })),
];
