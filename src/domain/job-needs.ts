/** What a job needs of a server. */
import { parseAir, resourceKind, rootEcosystem } from './air.ts';
import {
  type ComfyGraph,
  type Generation,
  type ImageTransform,
  type PictureText,
  type ResourceTraining,
  type TextToImage,
} from './generation.ts';

export type TextToImageShape = Pick<
  TextToImage,
  | 'operation'
  | 'ecosystem'
  | 'model'
  | 'networks'
  | 'clipSkip'
  | 'source'
  | 'controlNets'
  | 'hires'
  | 'refiner'
>;

export type TrainingShape = Pick<ResourceTraining, 'operation' | 'ecosystem' | 'model'>;

/** Everything of a generation that decides which files and node classes its graph needs; a generation is one. */
export type GenerationShape =
  | TextToImageShape
  | Pick<ImageTransform, 'operation' | 'transformer'>
  | Pick<PictureText, 'operation'>
  | TrainingShape
  | Pick<ComfyGraph, 'operation' | 'classes' | 'models'>;

/** What the catalogue says of the resources a job names, by AIR. */
export type NeededResources = Readonly<
  Record<string, { readonly fileName?: string | null; readonly vramBytes?: number | null }>
>;

export interface JobNeeds {
  readonly shape: GenerationShape;
  readonly resources: NeededResources;
  /** What a server keeps warm: AIR or file of the checkpoint, empty for none. */
  readonly model: string;
  /** Jobs with the same key need the same files and node classes. */
  readonly key: string;
}

const airsOfPicture = ({
  model,
  networks,
  controlNets = [],
  refiner,
  hires,
}: TextToImageShape): readonly string[] => [
  model,
  ...networks.map(({ air }) => air),
  ...controlNets.flatMap((control) => control.model ?? []),
  ...(refiner ? [refiner.model] : []),
  ...(hires?.upscaler === undefined ? [] : [hires.upscaler]),
];

/** AIRs of the resources that a job names, the checkpoint of a picture first. `db/generation-airs.ts` says the same in SQL. */
export function airsOf(shape: GenerationShape): readonly string[] {
  switch (shape.operation) {
    case 'textToImage':
      return airsOfPicture(shape);
    case 'imageResourceTraining':
      return [shape.model];
    case 'comfy':
      return [...new Set(shape.models.flatMap(({ air }) => air ?? []))];
    default:
      return [];
  }
}

/** What a job of this shape needs. */
export function needsOf(shape: GenerationShape, resources: NeededResources): JobNeeds {
  const names = airsOf(shape).map((air) => resources[air]?.fileName ?? null);
  const key = JSON.stringify([shapeKey(shape), names]);
  return { shape, resources, model: warmModel(shape), key };
}

function warmModel(shape: GenerationShape): string {
  if (shape.operation === 'textToImage' || shape.operation === 'imageResourceTraining')
    return shape.model;
  if (shape.operation !== 'comfy') return '';
  const models = shape.models.map(({ air, file }) => air ?? file ?? '');
  return models.find(isCheckpoint) ?? models[0] ?? '';
}

const isCheckpoint = (name: string): boolean =>
  /^urn:air:/.test(name) && resourceKind(parseAir(name).type ?? '') === 'checkpoint';

/** The same for all generations whose graphs have the same files and node classes. */
export function shapeKey(shape: GenerationShape): string {
  switch (shape.operation) {
    case 'textToImage':
      return pictureKey(shape);
    case 'imageTransform':
      return JSON.stringify([shape.operation, shape.transformer]);
    case 'comfy':
      return JSON.stringify([shape.operation, shape.classes, shape.models]);
    case 'imageResourceTraining':
      return JSON.stringify([shape.operation, shape.ecosystem, shape.model]);
    default:
      return JSON.stringify([shape.operation]);
  }
}

function pictureKey(shape: TextToImageShape): string {
  const { ecosystem, clipSkip, source, controlNets, hires, refiner } = shape;
  const parts = [
    source && [source.mask ? 'masked' : 'source', source.denoise > 0],
    controlNets?.map(({ preprocessor, model }) => [preprocessor, model]),
    hires && ['hires', hires.upscaler, hires.denoise > 0],
    refiner && 'refiner',
  ];
  return JSON.stringify([ecosystem, clipSkip, airsOf(shape), parts]);
}

/** Ecosystems that a server must be allowed to serve. */
export const ecosystemsOf = (shape: GenerationShape): readonly string[] =>
  shape.operation === 'textToImage'
    ? [shape.ecosystem]
    : [
        ...new Set(
          airsOf(shape).flatMap((air) => rootEcosystem(parseAir(air).ecosystem ?? '') ?? []),
        ),
      ];

/** In one line, for whoever lists runs. */
export function titleOf(generation: Generation): string {
  switch (generation.operation) {
    case 'textToImage':
      return `${generation.width}×${generation.height} · seed ${generation.seed}`;
    case 'imageTransform':
      return generation.transformer;
    case 'comfy':
      return `${generation.graph.nodes} nodes`;
    case 'wdTagging':
    case 'mediaTagging':
      return generation.tagger;
    case 'mediaCaptioning':
      return generation.captioner;
    case 'imageEmbedding':
      return 'one picture';
    case 'imageResourceTraining':
      return `LoRA of rank ${generation.rank}`;
  }
}
