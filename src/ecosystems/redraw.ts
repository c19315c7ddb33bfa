/** A picture drawn over another one, everywhere or only where a mask is white. */
import type { Graph } from '../domain/graphs/graph.ts';
import type { Ingredients } from './ingredients.ts';
import type { Drawn } from './sampling-pass.ts';
import type { Fragments, Link } from './skeleton.ts';
import decode from './skeletons/picture/decode.json' with { type: 'json' };
import encode from './skeletons/picture/encode.json' with { type: 'json' };
import keepRest from './skeletons/picture/keep-rest.json' with { type: 'json' };
import limitNoise from './skeletons/picture/limit-noise.json' with { type: 'json' };

/** A picture as far as it is drawn. */
export interface Picture {
  readonly nodes: Graph;
  readonly image: Link;
  /** What `image` was decoded from, if it is that and nothing more. */
  readonly latent?: Link;
}

/** The pixels of a latent. */
export const decoded = (
  { vae }: Ingredients,
  { nodes, latent }: Drawn,
  { fill, link }: Fragments,
): Picture => ({
  nodes: { ...nodes, ...fill(decode, { latent, vae }) },
  image: link('decode'),
  latent,
});

/**
 * Encodes an image, has it sampled and decoded. With a mask the pixels outside it stay those of the image: encoding
 * and decoding alone changes every one a little.
 */
export const redraw = (
  made: Ingredients,
  image: Link,
  mask: Link | undefined,
  sample: (latent: Link) => Drawn,
  fragments: Fragments,
): Picture => {
  const { fill, link } = fragments;
  const encoded = fill(encode, { image, vae: made.vae });
  if (mask === undefined) {
    const picture = decoded(made, sample(link('latent')), fragments);
    return { ...picture, nodes: { ...encoded, ...picture.nodes } };
  }
  const limited = fill(limitNoise, { latent: link('latent'), mask });
  const drawn = decoded(made, sample(link('masked-latent')), fragments);
  const kept = fill(keepRest, { before: image, drawn: drawn.image, mask });
  return { nodes: { ...encoded, ...limited, ...drawn.nodes, ...kept }, image: link('painted') };
};
