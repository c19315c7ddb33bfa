/**
 * Models of the examples in the official SDKs' READMEs and tests and in our own documentation. The dev stack seeds the
 * catalogue with them and the simulator lists a file for each. Pure.
 */
import { parseFullAir, resourceKind } from './air.ts';
import { FOLDERS_BY_KIND } from './model-files.ts';

export interface SampleModel {
  readonly air: string;
  readonly modelName: string;
  readonly type: string;
  readonly description: string;
  readonly tags: readonly string[];
}

const sample = (
  air: string,
  modelName: string,
  type: string,
  description: string,
  ...tags: string[]
): SampleModel => ({ air, modelName, type, description, tags });

export const SAMPLE_MODELS: readonly SampleModel[] = [
  sample(
    'urn:air:sd1:checkpoint:civitai:4384@128713',
    'DreamShaper',
    'Checkpoint',
    'DreamShaper 8 for SD 1.5',
    'sd1',
  ),
  sample(
    'urn:air:sd1:checkpoint:civitai:4201@130072',
    'Realistic Vision V6.0 B1',
    'Checkpoint',
    'Realistic Vision 5.1 with VAE',
    'sd1',
    'photo',
  ),
  sample(
    'urn:air:sd1:checkpoint:civitai:107842@275408',
    'SD 1.5 example model',
    'Checkpoint',
    'From the JavaScript SDK README',
    'sd1',
  ),
  sample(
    'urn:air:sd1:checkpoint:civitai:127227@139180',
    'SD 1.5 fantasy model',
    'Checkpoint',
    'From the API documentation',
    'sd1',
  ),
  sample(
    'urn:air:sdxl:checkpoint:civitai:101055@128078',
    'SD XL',
    'Checkpoint',
    'Stable Diffusion XL 1.0 with VAE fix',
    'sdxl',
    'base',
  ),
  sample(
    'urn:air:sdxl:checkpoint:civitai:101055@126613',
    'SD XL refiner',
    'Checkpoint',
    'Finishes the pictures of SDXL models',
    'sdxl',
    'refiner',
  ),
  sample(
    'urn:air:sdxl:checkpoint:civitai:112902@126688',
    'DreamShaper XL',
    'Checkpoint',
    'From the ComfyUI example of the JavaScript SDK',
    'sdxl',
  ),
  sample(
    'urn:air:pony:checkpoint:civitai:372465@534642',
    'Pony Realism',
    'Checkpoint',
    'A Pony model, drawn as SDXL',
    'pony',
    'sdxl',
  ),
  sample(
    'urn:air:sd3:checkpoint:civitai:878387@983309',
    'Stable Diffusion 3.5 Large',
    'Checkpoint',
    'Stable Diffusion 3.5 Large',
    'sd3',
    'base',
  ),
  sample(
    'urn:air:flux1:checkpoint:civitai:618692@691639',
    'FLUX',
    'Checkpoint',
    'FLUX.1 dev',
    'flux1',
    'base',
  ),
  sample(
    'urn:air:sd1:lora:civitai:82098@87153',
    'Ahri',
    'LORA',
    'Character LoRA of the SDK READMEs',
    'sd1',
    'character',
  ),
  sample(
    'urn:air:sd1:lora:civitai:58390@62833',
    'Detail Tweaker LoRA',
    'LORA',
    'Adds or removes detail',
    'sd1',
    'detail',
  ),
  sample(
    'urn:air:sd1:lora:civitai:162141@182559',
    'SD 1.5 example LoRA',
    'LORA',
    'From the JavaScript SDK README',
    'sd1',
  ),
  sample(
    'urn:air:sdxl:lora:civitai:122359@135867',
    'Detail Tweaker XL',
    'LORA',
    'Adds or removes detail',
    'sdxl',
    'detail',
  ),
  sample(
    'urn:air:flux1:lora:civitai:233497@937698',
    'Frozen anna elsa',
    'LORA',
    'Style LoRA for FLUX.1',
    'flux1',
  ),
  sample(
    'urn:air:sd1:embedding:civitai:7808@9208',
    'EasyNegative',
    'TextualInversion',
    'Negative embedding',
    'sd1',
  ),
  sample(
    'urn:air:sd1:vae:civitai:276082@311162',
    'vae-ft-mse-840000-ema-pruned',
    'VAE',
    'VAE for SD 1.5',
    'sd1',
  ),
  sample(
    'urn:air:other:upscaler:civitai:147759@164821',
    'Remacri',
    'Upscaler',
    'Enlarges pictures of any model four times',
    'upscaler',
  ),
];

/** Model folder → names of the samples' files by our convention, `<ecosystem>/civitai/<modelId>/<versionId>.safetensors`. */
export function sampleModelFiles(): Readonly<Record<string, readonly string[]>> {
  const files: Record<string, string[]> = {};
  for (const { air } of SAMPLE_MODELS) {
    const { ecosystem, type, source, id, version } = parseFullAir(air);
    const [folder] = FOLDERS_BY_KIND[resourceKind(type)];
    if (folder === undefined) continue;
    (files[folder] ??= []).push(`${ecosystem}/${source}/${id}/${version}.safetensors`);
  }
  return files;
}
