/**
 * The graph that trains a LoRA with ComfyUI's own nodes (comfy_extras/nodes_train.py, from 0.3.40 on). Every picture is
 * cut to one size and encoded by itself; what they show goes along in the same order.
 */
import type { ResourceTraining } from '../domain/generation.ts';
import type { Graph } from '../domain/graphs/graph.ts';
import { OrchestratorError } from '../errors.ts';
import { lookUp, type ListedFiles } from './look-up-file.ts';
import { fillSkeleton, prefixIds, type Link } from './skeleton.ts';
import checkpointLoader from './skeletons/loaders/checkpoint.json' with { type: 'json' };
import picture from './skeletons/training/picture.json' with { type: 'json' };
import train from './skeletons/training/train.json' with { type: 'json' };

/** The file of a checkpoint that can be trained: a whole one, with its text encoders and VAE. */
export function findTrained(
  air: string,
  fileName: string | undefined,
  listed: ListedFiles,
): { readonly name: string } | { readonly message: string } {
  const { file, missing } = lookUp(air, 'checkpoint', fileName, listed);
  if (!file) return { message: missing?.message ?? `${air} has no file.` };
  return file.folder === 'checkpoints'
    ? { name: file.name }
    : { message: `${air} is a bare diffusion model; only whole checkpoints can be trained here.` };
}

/** Its names in the order of the releases that brought them. */
export const SAVE_CLASSES = ['SaveLoRANode', 'SaveLoRA'] as const;
type SaveClass = (typeof SAVE_CLASSES)[number];

export const LORA_EXTENSION = 'safetensors';

/** The node takes no more. */
const MOST_STEPS = 100_000;

interface CaptionedFile {
  /** As LoadImage names it. */
  readonly image: string;
  readonly caption: string;
}

/** Joins two by two, in their order, so that what the server keeps of it stays small. */
function joined(
  links: readonly Link[],
  name: string,
  join: (
    a: Link,
    b: Link,
  ) => { readonly class_type: string; readonly inputs: Graph[string]['inputs'] },
): { readonly nodes: Graph; readonly all: Link } {
  const nodes: Graph = {};
  let level = links;
  while (level.length > 1) {
    const next: Link[] = [];
    for (let at = 0; at < level.length; at += 2) {
      const [a, b] = level.slice(at, at + 2);
      if (!a) continue;
      if (!b) {
        next.push(a);
        continue;
      }
      const id = `${name}-${Object.keys(nodes).length}`;
      nodes[id] = join(a, b);
      next.push([id, 0]);
    }
    level = next;
  }
  return { nodes, all: level[0] ?? ['', 0] };
}

/** Pure: the same arguments give the same. Throws `input_invalid` for more steps than the node takes. */
export function trainingGraph(
  { batchSize, learningRate, rank, resolution, rounds, seed }: ResourceTraining,
  files: readonly CaptionedFile[],
  { checkpoint, saveClass }: { readonly checkpoint: string; readonly saveClass: SaveClass },
  outputPrefix: string,
): Graph {
  const id = (index: number, node: string): Link => [`p${index}-${node}`, 0];
  const pictures = files.map(({ image, caption }, index) =>
    fillSkeleton(prefixIds(picture, `p${index}`), { image, caption, resolution }),
  );
  const latents = joined(
    files.map((_file, index) => id(index, 'latent')),
    'latents',
    (samples1, samples2) => ({ class_type: 'LatentBatch', inputs: { samples1, samples2 } }),
  );
  const captions = joined(
    files.map((_file, index) => id(index, 'caption')),
    'captions',
    (a, b) => ({
      class_type: 'ConditioningCombine',
      inputs: { conditioning_1: a, conditioning_2: b },
    }),
  );
  const steps = Math.ceil((files.length * rounds) / batchSize);
  if (steps > MOST_STEPS)
    throw new OrchestratorError(
      'input_invalid',
      `${files.length} pictures ${rounds} times (maxTrainEpochs × numRepeats), ${batchSize} at a time, are ${steps} steps; ComfyUI takes at most ${MOST_STEPS}. Ask for fewer epochs or repeats.`,
    );
  return Object.assign(
    fillSkeleton(checkpointLoader, { checkpoint }),
    ...pictures,
    latents.nodes,
    captions.nodes,
    fillSkeleton(train, {
      ...{ latents: latents.all, positive: captions.all, steps },
      ...{ batchSize, learningRate, rank, seed },
    }),
    {
      save: {
        class_type: saveClass,
        inputs: { lora: ['trained', 1], prefix: outputPrefix },
      },
    },
  ) as Graph;
}
