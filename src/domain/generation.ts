/** Generation parameters in the domain's own words; `contract/` translates the wire to and from them. */

export const ECOSYSTEMS = ['sd1', 'sdxl', 'sd3', 'flux1'] as const;
export type Ecosystem = (typeof ECOSYSTEMS)[number];

/** A LoRA, embedding or VAE beside the checkpoint, in the order the client gave. */
export interface Network {
  /** Canonical AIR: `urn:air:{ecosystem}:{type}:{source}:{id}@{version}`. */
  readonly air: string;
  readonly strength: number;
  readonly triggerWord?: string;
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
}

/** What a job asks to be made. More operations join this union. */
export type Generation = TextToImage;

/** A ComfyUI prompt in API format. */
export interface GraphNode {
  readonly class_type: string;
  readonly inputs: Record<string, unknown>;
  readonly _meta?: { readonly title?: string };
}
export type Graph = Record<string, GraphNode>;
