import type { Graph } from '../domain/generation.ts';
import type { ResolvedNetwork } from './resolved-files.ts';
import type { Link } from './skeleton.ts';

/** Name of the VAE a client asked for; of several the last. */
export const namedVae = (networks: readonly ResolvedNetwork[]): string | undefined =>
  networks.findLast((network) => network.kind === 'vae')?.name;

/** A loader for the VAE a client asked for, else the one that came with the checkpoint. */
export const chooseVae = (
  own: Link,
  networks: readonly ResolvedNetwork[],
): { readonly nodes: Graph; readonly vae: Link } => {
  const name = namedVae(networks);
  if (name === undefined) return { nodes: {}, vae: own };
  return {
    nodes: { vae: { class_type: 'VAELoader', inputs: { vae_name: name } } },
    vae: ['vae', 0],
  };
};
