import type { Graph } from '../domain/graphs/graph.ts';
import type { ComfySampling } from '../domain/schedulers.ts';
import type { Conditioning } from './control-chain.ts';
import type { Prompts } from './embedding-prompts.ts';
import type { Link } from './skeleton.ts';

/** What an ecosystem brings to a picture: models, prompts, an empty latent and how to sample them. */
export interface Ingredients extends Conditioning {
  /** Loaders, prompts and, under the id `latent`, the empty latent. */
  readonly nodes: Graph;
  readonly model: Link;
  readonly vae: Link;
  /** Cfg of the sampler itself. */
  readonly cfg: number;
  readonly sampling: ComfySampling;
  /** With embeddings in their places. */
  readonly prompts: Prompts;
}
