import { parseAir, resourceKind } from '../domain/air.ts';
import type { TextToImage } from '../domain/generation.ts';
import type { Graph } from '../domain/graphs/graph.ts';
import { inputsOf } from '../domain/generation-inputs.ts';
import { DIFFUSION_MODEL_FOLDERS } from '../domain/model-files.ts';
import { buildGraph } from './index.ts';
import type { ResolvedFiles, ResolvedNetwork } from './resolved-files.ts';

/** Node classes of a graph, sorted, each once. */
export const nodeClassesOf = (graph: Graph): readonly string[] =>
  [...new Set(Object.values(graph).map((node) => node.class_type))].sort();

const BARE_MODEL_TYPES: readonly string[] = ['unet', 'diffusionmodel', 'diffusion_model'];

const standIn = (air: string, index: number): readonly ResolvedNetwork[] => {
  const kind = resourceKind(parseAir(air).type ?? '');
  return kind === 'lora' || kind === 'vae' || kind === 'embedding'
    ? [{ kind, name: `file-${index}`, strength: 1 }]
    : [];
};

/** A name for every input file, where the names are not known and do not matter. */
export const standInInputs = (
  generation: Pick<TextToImage, 'source' | 'controlNets'>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.keys(inputsOf(generation)).map((role) => [role, role]));

/**
 * Node classes a server must know for this generation, before its files are known: an AIR of type checkpoint is
 * taken for a full checkpoint with its text encoders, and a ControlNet for one of a single kind. With the graph at hand,
 * `nodeClassesOf` is exact.
 */
export const requiredNodeClasses = (generation: TextToImage): readonly string[] => {
  const bare = BARE_MODEL_TYPES.includes(parseAir(generation.model).type ?? '');
  const folder = (bare ? DIFFUSION_MODEL_FOLDERS[0] : undefined) ?? 'checkpoints';
  const networks = generation.networks.flatMap((network, index) => standIn(network.air, index));
  const files: ResolvedFiles = {
    checkpoint: { folder, name: 'file' },
    networks,
    controlNets: (generation.controlNets ?? []).map(() => ({ name: 'file' })),
    inputs: standInInputs(generation),
    ...(generation.hires?.upscaler === undefined ? {} : { upscaler: 'file' }),
    ...(generation.refiner === undefined ? {} : { refiner: 'file' }),
  };
  return nodeClassesOf(buildGraph(generation, files, 'output'));
};
