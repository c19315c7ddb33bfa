import type { Graph } from '../domain/generation.ts';
import { DIFFUSION_MODEL_FOLDERS } from '../domain/model-files.ts';
import type { ModelAndClip } from './lora-chain.ts';
import type { FluxCompanions, ResolvedFiles } from './resolved-files.ts';
import { chooseVae, namedVae } from './separate-vae.ts';
import { fillSkeleton, type Link } from './skeleton.ts';
import loadCheckpoint from './skeletons/flux1/load-checkpoint.json' with { type: 'json' };
import loadDiffusionModel from './skeletons/flux1/load-diffusion-model.json' with { type: 'json' };

/** Names under which the companions are published; https://docs.comfy.org/tutorials/flux/flux-1-text-to-image */
export const USUAL_COMPANIONS: FluxCompanions = {
  clipL: 'clip_l.safetensors',
  t5xxl: 't5xxl_fp16.safetensors',
  vae: 'ae.safetensors',
};

/** Loaders for a Flux file: everything in one checkpoint, or a bare diffusion model with its companions. */
export const loadFlux = (
  files: ResolvedFiles,
): ModelAndClip & { readonly nodes: Graph; readonly vae: Link } => {
  if (!DIFFUSION_MODEL_FOLDERS.includes(files.checkpoint.folder)) {
    const { nodes, vae } = chooseVae(['checkpoint', 2], files.networks);
    return {
      nodes: { ...fillSkeleton(loadCheckpoint, { checkpoint: files.checkpoint.name }), ...nodes },
      model: ['checkpoint', 0],
      clip: ['checkpoint', 1],
      vae,
    };
  }
  const { clipL, t5xxl, vae } = files.companions ?? USUAL_COMPANIONS;
  return {
    nodes: fillSkeleton(loadDiffusionModel, {
      diffusionModel: files.checkpoint.name,
      clipL,
      t5xxl,
      vaeName: namedVae(files.networks) ?? vae,
    }),
    model: ['diffusion-model', 0],
    clip: ['text-encoders', 0],
    vae: ['vae', 0],
  };
};
