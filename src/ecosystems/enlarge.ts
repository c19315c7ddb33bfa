/** Hires fix and upscaling: a picture made larger and, if asked for, drawn over in its new size. */
import type { TextToImage } from '../domain/generation.ts';
import type { Graph } from '../domain/graphs/graph.ts';
import { enlargedSize } from '../domain/picture-size.ts';
import type { Ingredients } from './ingredients.ts';
import { decoded, redraw, type Picture } from './redraw.ts';
import { sampleOnce } from './sampling-pass.ts';
import { fragmentsFor, type Fragments, type Link } from './skeleton.ts';
import enlargeByModel from './skeletons/picture/enlarge-by-model.json' with { type: 'json' };
import enlargeImage from './skeletons/picture/enlarge-image.json' with { type: 'json' };
import enlargeLatent from './skeletons/picture/enlarge-latent.json' with { type: 'json' };

type Hires = NonNullable<TextToImage['hires']>;
type Size = Pick<TextToImage, 'width' | 'height'>;

const largerImage = (
  image: Link,
  size: Size,
  upscaler: string | undefined,
  { fill, link }: Fragments,
): { readonly nodes: Graph; readonly image: Link } => {
  const byModel = upscaler === undefined ? {} : fill(enlargeByModel, { upscaler, image });
  const start = upscaler === undefined ? image : link('upscaled');
  const { width, height } = size;
  return {
    nodes: { ...byModel, ...fill(enlargeImage, { image: start, width, height }) },
    image: link('image'),
  };
};

/**
 * Without an upscaler a picture that comes from the sampler is enlarged as a latent, any other one by its pixels. With
 * `denoise` 0 nothing is drawn over.
 */
export const enlarge = (
  made: Ingredients,
  picture: Picture,
  {
    hires,
    upscaler,
    mask,
  }: {
    readonly hires: Hires;
    readonly upscaler: string | undefined;
    readonly mask: Link | undefined;
  },
  generation: Pick<TextToImage, 'width' | 'height' | 'steps' | 'seed'>,
): Picture => {
  const fragments = fragmentsFor('hires');
  const { fill, link } = fragments;
  const size = enlargedSize(generation, hires.scale);
  const { denoise, steps = generation.steps } = hires;
  const sample = (latent: Link) =>
    sampleOnce(made, latent, { steps, denoise, seed: generation.seed }, fragments);
  if (denoise > 0 && upscaler === undefined && picture.latent !== undefined) {
    const larger = fill(enlargeLatent, { latent: picture.latent, ...size });
    const drawn = decoded(made, sample(link('latent')), fragments);
    return { ...drawn, nodes: { ...picture.nodes, ...larger, ...drawn.nodes } };
  }
  const larger = largerImage(picture.image, size, upscaler, fragments);
  const nodes = { ...picture.nodes, ...larger.nodes };
  if (denoise === 0) return { nodes, image: larger.image };
  const drawn = redraw(made, larger.image, mask, sample, fragments);
  return { ...drawn, nodes: { ...nodes, ...drawn.nodes } };
};
