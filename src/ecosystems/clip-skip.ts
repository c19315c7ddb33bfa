import type { Graph } from '../domain/graphs/graph.ts';
import type { Link } from './skeleton.ts';

/** CLIP-L has 12 layers; ComfyUI silently takes the last layer for anything beyond, the opposite of what was asked. */
const CLIP_LAYERS = 12;

/**
 * Stops the text encoder early when more is skipped than the model skips by itself (A1111 N is ComfyUI -N).
 * `native` is what ComfyUI does without the node: 1 for sd1; 2 for sdxl, which is trained on the last but one layer.
 */
export const skipClipLayers = (
  clip: Link,
  clipSkip: number,
  native: number,
): { readonly nodes: Graph; readonly clip: Link } =>
  clipSkip <= native
    ? { nodes: {}, clip }
    : {
        nodes: {
          'clip-skip': {
            class_type: 'CLIPSetLastLayer',
            inputs: { clip, stop_at_clip_layer: -Math.min(clipSkip, CLIP_LAYERS) },
          },
        },
        clip: ['clip-skip', 0],
      };
