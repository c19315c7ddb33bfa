import type { Graph } from '../domain/graphs/graph.ts';
import type { ResolvedNetwork } from './resolved-files.ts';
import type { Link } from './skeleton.ts';

export interface ModelAndClip {
  readonly model: Link;
  readonly clip: Link;
}

/** LoRA loaders one after another in the given order, each with its strength on model and text encoder. */
export const chainLoras = (
  start: ModelAndClip,
  networks: readonly ResolvedNetwork[],
): ModelAndClip & { readonly nodes: Graph } => {
  const nodes: Graph = {};
  let { model, clip } = start;
  networks
    .filter((network) => network.kind === 'lora')
    .forEach((lora, index) => {
      const nodeId = `lora-${index + 1}`;
      nodes[nodeId] = {
        class_type: 'LoraLoader',
        inputs: {
          model,
          clip,
          lora_name: lora.name,
          strength_model: lora.strength,
          strength_clip: lora.strength,
        },
      };
      model = [nodeId, 0];
      clip = [nodeId, 1];
    });
  return { nodes, model, clip };
};
