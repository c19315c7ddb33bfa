/** The nodes behind Civitai's image transformers. Canny is ComfyUI's own; the others come with custom nodes. */
import type { ImageTransformer } from '../domain/generation.ts';
import type { Graph } from '../domain/graphs/graph.ts';
import { fillSkeleton, type Link } from './skeleton.ts';
import canny from './skeletons/transformers/canny.json' with { type: 'json' };
import depthZoe from './skeletons/transformers/depth-zoe.json' with { type: 'json' };
import rembg from './skeletons/transformers/rembg.json' with { type: 'json' };
import softedgePidinet from './skeletons/transformers/softedge-pidinet.json' with { type: 'json' };

interface Transformer {
  readonly skeleton: Graph;
  /** It works at a resolution of its own, which it has to be told. */
  readonly isSized: boolean;
}

/**
 * https://github.com/Fannovel16/comfyui_controlnet_aux (node_wrappers/zoe.py, pidinet.py) and
 * https://github.com/Jcd1230/rembg-comfyui-node, which takes and gives one image and asks for nothing else.
 */
const TRANSFORMERS: Readonly<Record<ImageTransformer, Transformer>> = {
  Canny: { skeleton: canny, isSized: false },
  DepthZoe: { skeleton: depthZoe, isSized: true },
  SoftedgePidinet: { skeleton: softedgePidinet, isSized: true },
  Rembg: { skeleton: rembg, isSized: false },
};

const RESOLUTION_STEP = 64;

/** The resolution a transformer works at for a picture of this size: its shorter side, in steps of 64. */
export const transformerResolution = (width: number, height: number): number =>
  Math.max(1, Math.round(Math.min(width, height) / RESOLUTION_STEP)) * RESOLUTION_STEP;

/** Nodes that transform an image; what Rembg makes has an alpha channel, the others have none. */
export const transformImage = (
  transformer: ImageTransformer,
  image: Link,
  resolution: number,
): { readonly nodes: Graph; readonly image: Link } => {
  const { skeleton, isSized } = TRANSFORMERS[transformer];
  const nodes = fillSkeleton(skeleton, { image, ...(isSized ? { resolution } : {}) });
  return { nodes, image: ['transformed', 0] };
};
