/** Whether a server knows every node of our graphs. */
import {
  ECOSYSTEMS,
  IMAGE_TRANSFORMERS,
  type Ecosystem,
  type TextToImage,
} from '../../domain/generation.ts';
import { requiredNodeClasses } from '../../ecosystems/node-classes.ts';
import type { ComfyHttp } from '../../executors/comfyui/http.ts';
import { asObject } from '../../executors/comfyui/json-read.ts';
import { Unwell, finding, type Finding } from './finding.ts';

/** A generation with every sort of network, from a model file of that AIR type. */
const generationWith = (ecosystem: Ecosystem, modelType: string): TextToImage => ({
  operation: 'textToImage',
  ecosystem,
  model: `urn:air:${ecosystem}:${modelType}:civitai:1@1`,
  prompt: 'a',
  negativePrompt: 'b',
  scheduler: 'EulerA',
  steps: 1,
  cfgScale: 1,
  width: 64,
  height: 64,
  seed: 1,
  clipSkip: 2,
  networks: ['lora', 'vae', 'embedding'].map((type, index) => ({
    air: `urn:air:${ecosystem}:${type}:civitai:2@${index + 1}`,
    strength: 1,
  })),
});

const FILE = { blobKey: 'a' };
const HIRES = { scale: 2, denoise: 0.5 };

/** What only some requests ask for. */
const FURTHER: readonly Partial<TextToImage>[] = [
  { source: { image: FILE, denoise: 0.5, mask: FILE }, hires: { ...HIRES, upscaler: 'a' } },
  { hires: HIRES },
  { refiner: { model: 'a', switchAt: 0.5 } },
  {
    controlNets: IMAGE_TRANSFORMERS.map((preprocessor) => ({
      ...{ preprocessor, weight: 1, start: 0, end: 1, image: FILE },
    })),
  },
];

/** Node classes that only some requests need, of all ecosystems. */
const furtherNodeClasses = (): readonly string[] => {
  const plain = new Set(ECOSYSTEMS.flatMap(nodeClassesFor));
  const all = FURTHER.flatMap((further) =>
    requiredNodeClasses({ ...generationWith('sdxl', 'checkpoint'), ...further }),
  );
  return [...new Set(all)].filter((name) => !plain.has(name)).sort();
};

/** Node classes that every graph of this ecosystem may hold, each once. */
export const nodeClassesFor = (ecosystem: Ecosystem): readonly string[] => [
  ...new Set(
    ['checkpoint', 'unet'].flatMap((type) => requiredNodeClasses(generationWith(ecosystem, type))),
  ),
];

/** Asks a server for its node classes. */
export const checkNodes = (http: ComfyHttp): Promise<Finding> =>
  finding('ComfyUI nodes', 'Look into the log of ComfyUI.', async () => {
    const known = asObject(await http.json({ method: 'GET', path: '/object_info' })) ?? {};
    const lacking = ECOSYSTEMS.flatMap((ecosystem) => {
      const names = nodeClassesFor(ecosystem).filter((name) => !Object.hasOwn(known, name));
      return names.length === 0 ? [] : [`${ecosystem} needs ${names.join(', ')}`];
    });
    const further = furtherNodeClasses().filter((name) => !Object.hasOwn(known, name));
    const without =
      further.length === 0 ? '' : `; requests that need ${further.join(', ')} are refused`;
    if (lacking.length === 0) return `it has all that ${ECOSYSTEMS.join(', ')} need${without}`;
    throw new Unwell(
      `it lacks some: ${lacking.join('; ')}`,
      'Update ComfyUI; if it is new enough, its log names the nodes whose import failed and why.',
    );
  });
