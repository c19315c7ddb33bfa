/** From a generation to the graph that one server runs for it. */
import type {
  ComfyGraph,
  Generation,
  ImageTransform,
  PictureText,
  ResourceTraining,
} from '../domain/generation.ts';
import type { Graph } from '../domain/graphs/graph.ts';
import { PICTURE_ROLE } from '../domain/generation-inputs.ts';
import { renameMedia } from '../domain/graphs/graph-media.ts';
import { confineOutputs } from '../domain/graphs/graph-outputs.ts';
import type { TextOutput } from '../domain/text-result.ts';
import { OrchestratorError } from '../errors.ts';
import { findGraphModels } from './graph-models.ts';
import { transformImage } from './image-transformers.ts';
import { buildGraph } from './index.ts';
import type { ListedFiles } from './look-up-file.ts';
import { findEncoder, NO_ENCODER, textGraph, textOutputOf } from './picture-texts.ts';
import { required } from './resolved-files.ts';
import { resolveFiles } from './resolve-files.ts';
import { fillSkeleton } from './skeleton.ts';
import { findTrained, LORA_EXTENSION, SAVE_CLASSES, trainingGraph } from './training.ts';
import save from './skeletons/picture/save.json' with { type: 'json' };

export interface GraphPlan {
  /** Files that it gives; 0 when only the server will know. */
  readonly expectedOutputs: number;
  /** Its result is this text, and no file. */
  readonly text?: TextOutput;
  /** Its files are in no books of the server: they are known by their names only. */
  readonly outputExtension?: string;
  /** `inputs`: names of its input files by role; `captions`: of training pictures, by role too. */
  build(
    inputs: Readonly<Record<string, string>>,
    outputPrefix: string,
    captions?: Readonly<Record<string, string>>,
  ): Graph;
}

export interface PlanSources {
  /** What the catalogue says of an AIR. */
  readonly fileNameOf: (air: string) => string | undefined;
  /** Of the server. */
  readonly listed: ListedFiles;
  /** The client's graph, where it sent one. */
  readonly graph?: Graph | undefined;
  /** Whether the server knows a node class; without it, it is taken to know the newest. */
  readonly hasClass?: (name: string) => boolean;
}

/** How the graph is made on this server, or in words what the server does not have. Pure. */
export function planGraph(
  generation: Generation,
  sources: PlanSources,
): GraphPlan | { readonly missing: readonly string[] } {
  switch (generation.operation) {
    case 'textToImage': {
      const { files, missing } = resolveFiles(generation, sources.fileNameOf, sources.listed);
      if (!files) return { missing: missing.map(({ message }) => message) };
      return {
        expectedOutputs: 1,
        build: (inputs, prefix) => buildGraph(generation, { ...files, inputs }, prefix),
      };
    }
    case 'imageTransform':
      return {
        expectedOutputs: 1,
        build: (inputs, prefix) => transformGraph(generation, inputs, prefix),
      };
    case 'comfy':
      return planOwnGraph(generation, sources);
    case 'imageResourceTraining':
      return planTraining(generation, sources);
    default:
      return planText(generation, sources.listed);
  }
}

function planTraining(
  generation: ResourceTraining,
  { fileNameOf, listed, hasClass = (name) => name === 'SaveLoRA' }: PlanSources,
): GraphPlan | { readonly missing: readonly string[] } {
  const found = findTrained(generation.model, fileNameOf(generation.model), listed);
  if ('message' in found) return { missing: [found.message] };
  const saveClass = SAVE_CLASSES.find(hasClass) ?? 'SaveLoRA';
  return {
    expectedOutputs: 1,
    outputExtension: LORA_EXTENSION,
    build: (inputs, prefix, captions = {}) =>
      trainingGraph(
        generation,
        Object.entries(captions).map(([role, caption]) => ({
          image: required(inputs[role], 'a training picture'),
          caption,
        })),
        { checkpoint: found.name, saveClass },
        prefix,
      ),
  };
}

function planText(
  generation: PictureText,
  listed: ListedFiles,
): GraphPlan | { readonly missing: readonly string[] } {
  const encoder = generation.operation === 'imageEmbedding' ? findEncoder(listed) : undefined;
  if (generation.operation === 'imageEmbedding' && encoder === undefined)
    return { missing: [`${NO_ENCODER}.`] };
  return {
    expectedOutputs: 0,
    text: textOutputOf(generation),
    build: (inputs) => textGraph(generation, inputs, encoder),
  };
}

/** The graph that transforms a picture. Throws `internal` without the name of its input file. */
export function transformGraph(
  { transformer, resolution }: Pick<ImageTransform, 'transformer' | 'resolution'>,
  inputs: Readonly<Record<string, string>>,
  outputPrefix: string,
): Graph {
  const image = required(inputs[PICTURE_ROLE], 'the picture to transform');
  const transformed = transformImage(transformer, ['source', 0], resolution);
  return {
    source: { class_type: 'LoadImage', inputs: { image } },
    ...transformed.nodes,
    ...fillSkeleton(save, { image: transformed.image, outputPrefix }),
  };
}

function planOwnGraph(
  { models, media }: ComfyGraph,
  { fileNameOf, listed, graph }: PlanSources,
): GraphPlan | { readonly missing: readonly string[] } {
  if (graph === undefined)
    throw new OrchestratorError('internal', 'The graph of the job is not stored with it.');
  const found = findGraphModels(models, fileNameOf, listed);
  if ('missing' in found)
    return {
      missing: found.missing.map(
        ({ model, message }) =>
          `Node ${model.nodeId} (${model.classType}), ${model.input}: ${message}.`,
      ),
    };
  return {
    expectedOutputs: 0,
    build: (inputs, prefix) =>
      confineOutputs(renameMedia(found.rename(graph), media, inputs), prefix),
  };
}
