/**
 * The graphs behind jobs that say something of a picture. The nodes: `WD14Tagger|pysssss` of
 * https://github.com/pythongosssss/ComfyUI-WD14-Tagger, Florence-2 of https://github.com/kijai/ComfyUI-Florence2, and
 * `OutputEmbedding` of https://github.com/baijunty/comfyui_image_embeddings. ComfyUI's own `PreviewAny` puts what the
 * latter two give into the server's books.
 */
import type { PictureText } from '../domain/generation.ts';
import type { Graph } from '../domain/graphs/graph.ts';
import { PICTURE_ROLE } from '../domain/generation-inputs.ts';
import type { TextForm, TextOutput } from '../domain/text-result.ts';
import type { ListedFiles } from './look-up-file.ts';
import { required } from './resolved-files.ts';
import { fillSkeleton } from './skeleton.ts';
import caption from './skeletons/texts/caption.json' with { type: 'json' };
import embedding from './skeletons/texts/embedding.json' with { type: 'json' };
import tags from './skeletons/texts/tags.json' with { type: 'json' };

const ENCODERS_FOLDER = 'clip_vision';

/** CLIP's usual encoder first, then whatever is there. */
const PREFERRED = [/vit[-_]?l|clip_vision_l|clip-l/i, /vit[-_]?h|clip_vision_h/i, /clip/i];

/** File of the image encoder of a server; undefined when it lists none. */
export function findEncoder(listed: ListedFiles): string | undefined {
  const files = listed[ENCODERS_FOLDER] ?? [];
  for (const pattern of PREFERRED) {
    const file = files.find((name) => pattern.test(name));
    if (file !== undefined) return file;
  }
  return files[0];
}

export const NO_ENCODER = `the server's model folder ${ENCODERS_FOLDER} is empty: put an image encoder such as CLIP ViT-L/14 there`;

/** The node whose text is the result, and how it is read. */
export const textOutputOf = (generation: PictureText): TextOutput => ({
  nodeId: 'text',
  form: formOf(generation),
});

const formOf = (generation: PictureText): TextForm => {
  switch (generation.operation) {
    case 'mediaCaptioning':
      return { kind: 'caption' };
    case 'imageEmbedding':
      return { kind: 'embedding' };
    default:
      return { kind: 'tags', threshold: generation.threshold };
  }
};

/** Pure. `encoder`: of an embedding. Throws `internal` without the name of the input file. */
export function textGraph(
  generation: PictureText,
  inputs: Readonly<Record<string, string>>,
  encoder: string | undefined,
): Graph {
  const image = required(inputs[PICTURE_ROLE], 'the picture to look at');
  switch (generation.operation) {
    case 'mediaCaptioning': {
      const { captioner, maxNewTokens, isSampled, seed } = generation;
      return fillSkeleton(caption, { image, captioner, maxNewTokens, isSampled, seed });
    }
    case 'imageEmbedding':
      return fillSkeleton(embedding, { image, encoder: required(encoder, 'an image encoder') });
    default: {
      const { tagger, threshold } = generation;
      return fillSkeleton(tags, { image, tagger, threshold });
    }
  }
}
