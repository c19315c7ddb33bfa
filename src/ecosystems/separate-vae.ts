import type { Graph } from '../domain/graphs/graph.ts';
import type { ResolvedNetwork } from './resolved-files.ts';
import { fillSkeleton, type Link } from './skeleton.ts';
import loader from './skeletons/loaders/vae.json' with { type: 'json' };

interface LoadedVae {
  readonly nodes: Graph;
  readonly vae: Link;
}

/** Name of the VAE a client asked for; of several the last. */
export const namedVae = (networks: readonly ResolvedNetwork[]): string | undefined =>
  networks.findLast((network) => network.kind === 'vae')?.name;

export const loadVae = (vaeName: string): LoadedVae => ({
  nodes: fillSkeleton(loader, { vaeName }),
  vae: ['vae', 0],
});

/** A loader for the VAE a client asked for, else the one that came with the checkpoint. */
export const chooseVae = (own: Link, networks: readonly ResolvedNetwork[]): LoadedVae => {
  const name = namedVae(networks);
  return name === undefined ? { nodes: {}, vae: own } : loadVae(name);
};
