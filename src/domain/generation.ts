/** Generation parameters in the domain's own words; `contract/` translates the wire to and from them. */

import type { MediaSource } from './media-source.ts';
import type { GraphMedia } from './graphs/graph-media.ts';
import type { GraphModel } from './graphs/graph-models.ts';

export const ECOSYSTEMS = ['sd1', 'sdxl', 'sd3', 'flux1'] as const;
export type Ecosystem = (typeof ECOSYSTEMS)[number];

/** A LoRA, embedding or VAE beside the checkpoint, in the order the client gave. */
export interface Network {
  /** Canonical AIR: `urn:air:{ecosystem}:{type}:{source}:{id}@{version}`. */
  readonly air: string;
  readonly strength: number;
  readonly triggerWord?: string;
}

/** Civitai's names of what makes a control image (or a mask) of a picture. */
export const IMAGE_TRANSFORMERS = ['Canny', 'DepthZoe', 'SoftedgePidinet', 'Rembg'] as const;
export type ImageTransformer = (typeof IMAGE_TRANSFORMERS)[number];

export interface ControlNet {
  readonly preprocessor: ImageTransformer;
  /** AIR of the ControlNet; without one a server's file is taken that says in its name that it fits. */
  readonly model?: string;
  readonly weight: number;
  /** Fractions 0..1 of the run. */
  readonly start: number;
  readonly end: number;
  readonly image: MediaSource;
}

export interface TextToImage {
  readonly operation: 'textToImage';
  readonly ecosystem: Ecosystem;
  /** Canonical AIR of the checkpoint. */
  readonly model: string;
  readonly prompt: string;
  readonly negativePrompt: string;
  /** Civitai's PascalCase name, canonical casing (`EulerA`, `DPM2MKarras`, …). */
  readonly scheduler: string;
  readonly steps: number;
  readonly cfgScale: number;
  readonly width: number;
  readonly height: number;
  /** Resolved: never -1. 0..4294967295. */
  readonly seed: number;
  /** A1111 counting: 1 = no skip. */
  readonly clipSkip: number;
  readonly networks: readonly Network[];
  /** A picture to start from; `mask` limits what is drawn anew. `denoise`: 0..1. */
  readonly source?: {
    readonly image: MediaSource;
    readonly denoise: number;
    readonly mask?: MediaSource;
  };
  readonly controlNets?: readonly ControlNet[];
  /** A second pass over the enlarged picture. `upscaler`: AIR. */
  readonly hires?: {
    readonly scale: number;
    readonly denoise: number;
    readonly steps?: number;
    readonly upscaler?: string;
  };
  /** A second checkpoint (AIR) that takes over at this fraction of the run. */
  readonly refiner?: { readonly model: string; readonly switchAt: number };
}

/** One picture made of another. */
export interface ImageTransform {
  readonly operation: 'imageTransform';
  readonly transformer: ImageTransformer;
  readonly image: MediaSource;
  /** Shorter side that transformers with a resolution of their own work at, pixels. */
  readonly resolution: number;
}

/** Names of what is on a picture. */
export interface Tagging {
  readonly operation: 'wdTagging' | 'mediaTagging';
  /** As the node of the tagger names its models. */
  readonly tagger: string;
  /** Least confidence, 0..1. */
  readonly threshold: number;
  readonly image: MediaSource;
}

/** A sentence or several about a picture. */
export interface Captioning {
  readonly operation: 'mediaCaptioning';
  /** As the node of the captioner names its models. */
  readonly captioner: string;
  readonly maxNewTokens: number;
  /** Words are drawn by their probability instead of the most probable being taken. */
  readonly isSampled: boolean;
  /** 1..4294967295. */
  readonly seed: number;
  readonly image: MediaSource;
}

/** A picture as the numbers of an image encoder. */
export interface ImageEmbedding {
  readonly operation: 'imageEmbedding';
  readonly image: MediaSource;
}

/** A LoRA made of pictures and what they show. */
export interface ResourceTraining {
  readonly operation: 'imageResourceTraining';
  readonly ecosystem: Ecosystem;
  /** Canonical AIR of the checkpoint that it is made for. */
  readonly model: string;
  /** A zip archive: pictures, each with a text file of its name. */
  readonly data: MediaSource;
  /** How often each picture is taken: epochs times repeats. */
  readonly rounds: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** 1..128. */
  readonly rank: number;
  /** Side of the square that every picture is cut to, pixels. */
  readonly resolution: number;
  readonly seed: number;
}

/** What is said of a picture: no file is drawn. */
export type PictureText = Tagging | Captioning | ImageEmbedding;

export const TEXT_OPERATIONS = [
  ...(['wdTagging', 'mediaTagging', 'mediaCaptioning', 'imageEmbedding'] as const),
] as const satisfies readonly PictureText['operation'][];

/** A graph of the client's own, with what was read in it when it was accepted. */
export interface ComfyGraph {
  readonly operation: 'comfy';
  /** The text is stored beside the job. */
  readonly graph: { readonly sha256: string; readonly bytes: number; readonly nodes: number };
  /** Each class once, with the first node of it. */
  readonly classes: readonly { readonly name: string; readonly nodeId: string }[];
  /** AIRs are canonical. */
  readonly models: readonly GraphModel[];
  readonly media: readonly GraphMedia[];
}

/** What a job asks to be made. More operations join this union. */
export type Generation = TextToImage | ImageTransform | ComfyGraph | PictureText | ResourceTraining;

/** Whether the result is text and not files. */
export const saysText = <T extends { readonly operation: string }>(
  generation: T,
): generation is Extract<T, { readonly operation: PictureText['operation'] }> =>
  (TEXT_OPERATIONS as readonly string[]).includes(generation.operation);
