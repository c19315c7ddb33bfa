/** What flows along links. Every value carries a digest of all that made it; equal digests are equal values. */
import type { Bitmap } from '../picture/bitmap.ts';
import type { PictureRecipe } from '../picture/draw-picture.ts';

/** A model, text encoder, conditioning, sampler or any other thing without pixels. */
export interface OpaqueValue {
  readonly kind: 'opaque';
  /** ComfyUI's type name (`MODEL`, `CLIP`, …). */
  readonly type: string;
  readonly digest: string;
  /** File name of the model it comes from. */
  readonly label: string;
  /** Prompt text of a conditioning, or of the positive one of a guider. */
  readonly text: string;
  /** Steps of SIGMAS; 0 elsewhere. */
  readonly steps: number;
  /** Seed of NOISE, sampler name of SAMPLER, in words. */
  readonly words: string;
}

/** The pixels a latent was encoded from. */
export interface LatentSource {
  readonly frames: readonly Bitmap[];
  readonly denoise: number;
  /** What a sampler may change; the rest stays as it was. */
  readonly mask?: MaskValue;
}

export interface LatentValue {
  readonly kind: 'latent';
  readonly digest: string;
  /** In picture pixels, not in latent cells. */
  readonly width: number;
  readonly height: number;
  readonly batch: number;
  /** One per batch entry once a sampler ran. */
  readonly pictures?: readonly PictureRecipe[];
  /** Pixels it was encoded from; a sampler mixes them in by its denoise. */
  readonly source?: LatentSource;
  /** Encoded by the weightless `pixel_space` VAE: decoding gives the pixels back. */
  readonly pixelSpace: boolean;
}

export interface ImageValue {
  readonly kind: 'image';
  readonly digest: string;
  readonly frames: readonly Bitmap[];
}

export interface MaskValue {
  readonly kind: 'mask';
  readonly digest: string;
  readonly width: number;
  readonly height: number;
  /** 0..255 per pixel. */
  readonly frames: readonly Uint8Array[];
}

export interface VideoValue {
  readonly kind: 'video';
  readonly digest: string;
  readonly frames: readonly Bitmap[];
  readonly fps: number;
}

export type NodeValue =
  | OpaqueValue
  | LatentValue
  | ImageValue
  | MaskValue
  | VideoValue
  | string
  | number
  | bigint
  | boolean;

/** Shown in `current_inputs` of an execution_error. */
export const describeValue = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value ?? null;
  const { kind } = value as { kind?: string };
  if (kind === 'opaque') return `<${(value as OpaqueValue).type.toLowerCase()} object>`;
  return kind === undefined ? JSON.stringify(value) : `<${kind} tensor>`;
};
