import { declaredInputs, type NodeDefinition } from '../graph/node-definitions.ts';
import { IMAGE_NODES } from './image-nodes.ts';
import { INPAINT_NODES } from './inpaint-nodes.ts';
import { INPUT_NODES } from './input-files.ts';
import { LATENT_NODES } from './latent-nodes.ts';
import { MASK_NODES } from './mask-nodes.ts';
import { MODEL_NODES, deriveOpaque } from './model-nodes.ts';
import { NodeError, type NodeContext, type NodeExecutor, type NodeInputs } from './node-context.ts';
import { MOVIE_NODES } from './movie-nodes.ts';
import { SAMPLING_NODES } from './sampling-nodes.ts';
import { SAVE_NODES } from './save-nodes.ts';
import { TILED_VAE_NODES } from './tiled-vae.ts';
import { TRAINING_NODES } from './training-nodes.ts';
import { VISION_NODES } from './vision-nodes.ts';
import type { NodeResult } from './node-context.ts';

const EXECUTORS: Readonly<Record<string, NodeExecutor>> = {
  ...MODEL_NODES,
  ...SAMPLING_NODES,
  ...LATENT_NODES,
  ...IMAGE_NODES,
  ...MASK_NODES,
  ...INPAINT_NODES,
  ...TILED_VAE_NODES,
  ...MOVIE_NODES,
  ...INPUT_NODES,
  ...SAVE_NODES,
  ...VISION_NODES,
  ...TRAINING_NODES,
};

/** Types whose values are fully described by what made them. */
const OPAQUE_TYPES = new Set([
  'MODEL',
  'CLIP',
  'VAE',
  'CONDITIONING',
  'CONTROL_NET',
  'CLIP_VISION',
  'CLIP_VISION_OUTPUT',
  'STYLE_MODEL',
  'UPSCALE_MODEL',
  'SAMPLER',
  'SIGMAS',
  'GUIDER',
  'NOISE',
  'LATENT_OPERATION',
]);

const PRIMITIVES = new Set(['STRING', 'INT', 'FLOAT', 'BOOLEAN']);

const outputTypesOf = (definition: NodeDefinition): string[] =>
  definition.output.map((type) => (typeof type === 'string' ? type : 'COMBO'));

/** True when the class has a behaviour here; the others raise when they are reached. */
export const isRunnable = (classType: string, definition: NodeDefinition): boolean => {
  const types = outputTypesOf(definition);
  return (
    Object.hasOwn(EXECUTORS, classType) ||
    (types.length === 1 &&
      PRIMITIVES.has(types[0] ?? '') &&
      declaredInputs(definition).some(({ name }) => name === 'value')) ||
    (types.length > 0 && types.every((type) => OPAQUE_TYPES.has(type)))
  );
};

/** Runs one node. Throws `NodeError` naming the class when the simulator has no behaviour for it. */
export const executeNode = async (
  inputs: NodeInputs,
  context: NodeContext,
): Promise<NodeResult> => {
  const executor = Object.hasOwn(EXECUTORS, context.classType)
    ? EXECUTORS[context.classType]
    : undefined;
  if (executor) return executor(inputs, context);
  const { outputTypes } = context;
  const value = inputs['value'];
  if (outputTypes.length === 1 && PRIMITIVES.has(outputTypes[0] ?? '') && value !== undefined) {
    return { outputs: [value] };
  }
  if (outputTypes.length > 0 && outputTypes.every((type) => OPAQUE_TYPES.has(type))) {
    return { outputs: deriveOpaque(inputs, context) };
  }
  throw new NodeError(
    'NotImplementedError',
    `The simulator knows ${context.classType} but cannot execute it. Use a real ComfyUI server for this graph.`,
  );
};
