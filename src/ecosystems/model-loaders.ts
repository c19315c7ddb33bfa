import type { Ecosystem } from '../domain/generation.ts';
import type { Graph } from '../domain/graphs/graph.ts';
import { encoderRoles, isBareModel, usualCompanions } from './companions.ts';
import type { ModelAndClip } from './lora-chain.ts';
import type { ResolvedFiles } from './resolved-files.ts';
import { chooseVae, loadVae, namedVae } from './separate-vae.ts';
import { fillSkeleton, type Link } from './skeleton.ts';
import checkpoint from './skeletons/loaders/checkpoint.json' with { type: 'json' };
import diffusionModel from './skeletons/loaders/diffusion-model.json' with { type: 'json' };

/**
 * Loaders for a model that comes as one checkpoint, as a checkpoint without text encoders, or in parts.
 * `textEncoders` is the skeleton of the node `text-encoders`; its holes are the ecosystem's encoder roles.
 */
export const loadModel = (
  ecosystem: Ecosystem,
  files: ResolvedFiles,
  textEncoders: Graph,
): ModelAndClip & { readonly nodes: Graph; readonly vae: Link } => {
  const isBare = isBareModel(files.checkpoint);
  const companions = { ...usualCompanions(ecosystem), ...files.companions };
  const separate = isBare || files.companions !== undefined;
  const encoderNodes = separate
    ? fillSkeleton(
        textEncoders,
        Object.fromEntries(encoderRoles(ecosystem).map((role) => [role, companions[role] ?? ''])),
      )
    : {};
  if (isBare) {
    const vae = loadVae(namedVae(files.networks) ?? companions.vae ?? '');
    return {
      nodes: {
        ...fillSkeleton(diffusionModel, { diffusionModel: files.checkpoint.name }),
        ...encoderNodes,
        ...vae.nodes,
      },
      model: ['diffusion-model', 0],
      clip: ['text-encoders', 0],
      vae: vae.vae,
    };
  }
  const { nodes, vae } = chooseVae(['checkpoint', 2], files.networks);
  return {
    nodes: {
      ...fillSkeleton(checkpoint, { checkpoint: files.checkpoint.name }),
      ...encoderNodes,
      ...nodes,
    },
    model: ['checkpoint', 0],
    clip: separate ? ['text-encoders', 0] : ['checkpoint', 1],
    vae,
  };
};
