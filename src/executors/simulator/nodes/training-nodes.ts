/** ComfyUI's own nodes that train a LoRA; the file has the right form and numbers that mean nothing. */
import { digestOf } from '../graph/node-signature.ts';
import { createRandom } from '../picture/random.ts';
import { digestInputs, deriveOpaque } from './model-nodes.ts';
import { latentIn, numberIn, opaqueIn, textIn, type NodeExecutor } from './node-context.ts';
import { safetensorsFile } from './safetensors-file.ts';
import { saveFile } from './save-path.ts';

const train: NodeExecutor = async (inputs, context) => {
  const steps = numberIn(inputs, 'steps');
  for (let step = 1; step <= steps; step += 1) await context.step(step, steps);
  const [model, lora, losses] = deriveOpaque(inputs, {
    ...context,
    outputTypes: ['MODEL', 'LORA_MODEL', 'LOSS_MAP'],
  });
  const digest = digestInputs(context.classType, inputs);
  return {
    outputs: [model ?? '', lora ?? digestOf(digest), losses ?? '', steps],
  };
};

/** The second has the size of the first, as our own graphs make them. */
const batch: NodeExecutor = (inputs) => {
  const [first, second] = [latentIn(inputs, 'samples1'), latentIn(inputs, 'samples2')];
  const { pictures: _pictures, source, ...latent } = first;
  const frames = [...(source?.frames ?? []), ...(second.source?.frames ?? [])];
  return {
    outputs: [
      {
        ...latent,
        digest: digestOf('LatentBatch', first.digest, second.digest),
        batch: first.batch + second.batch,
        ...(first.pictures && second.pictures
          ? { pictures: [...first.pictures, ...second.pictures] }
          : {}),
        ...(source && second.source ? { source: { ...source, frames } } : {}),
      },
    ],
  };
};

const NUMBERS = 64;

const save: NodeExecutor = async (inputs, context) => {
  const random = createRandom(opaqueIn(inputs, 'lora').digest);
  const values = Float32Array.from({ length: NUMBERS }, () => random() * 2 - 1);
  const steps = inputs['steps'] === undefined ? '' : `_${numberIn(inputs, 'steps')}_steps`;
  await saveFile({
    numbers: context.savedNumbers,
    root: context.directory('output'),
    prefix: `${textIn(inputs, 'prefix')}${steps}`,
    width: 0,
    height: 0,
    extension: 'safetensors',
    bytes: safetensorsFile({ 'lora_up.weight': { shape: [8, 8], values } }),
  });
  // It leaves nothing in the books.
  return { outputs: [] };
};

export const TRAINING_NODES: Readonly<Record<string, NodeExecutor>> = {
  LatentBatch: batch,
  TrainLoraNode: train,
  SaveLoRA: save,
};
