/** Custom nodes that say something of a picture; what they say depends on its pixels and is made up. */
import { digestOf } from '../graph/node-signature.ts';
import { between, createRandom, pick } from '../picture/random.ts';
import {
  imageIn,
  NodeError,
  numberIn,
  opaqueIn,
  textIn,
  type NodeExecutor,
} from './node-context.ts';

const TAGS: readonly string[] = [
  ...['no_humans', 'scenery', 'outdoors', 'sky', 'cloud', 'mountain', 'sunset', 'lake', 'tree'],
  ...['forest', 'grass', 'night', 'star_(sky)', 'moon', 'snow', 'water', 'horizon', 'reflection'],
];

/** The order is that of the model's own list, as with the real node. */
const tag: NodeExecutor = async (inputs, context) => {
  const { digest, frames } = imageIn(inputs, 'image');
  const model = textIn(inputs, 'model');
  await context.loadModel(model);
  const threshold = numberIn(inputs, 'threshold');
  const removed = textIn(inputs, 'exclude_tags', '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  const comma = inputs['trailing_comma'] === true;
  const tags = frames.map((_frame, index) => {
    const named = TAGS.map((name) => (inputs['replace_underscore'] === true ? spaced(name) : name))
      .filter((name) => createRandom(digestOf(digest, index, model, spaced(name)))() > threshold)
      .filter((name) => !removed.includes(name))
      .map((name) => name.replace(/[()]/g, '\\$&'));
    return comma ? named.map((name) => `${name}, `).join('') : named.join(', ');
  });
  return { outputs: [tags[0] ?? ''], ui: { tags } };
};

const spaced = (name: string): string => name.replaceAll('_', ' ');

/** The tasks that take words of their own. */
const WITH_WORDS = new Set([
  ...['referring_expression_segmentation', 'caption_to_phrase_grounding', 'docvqa'],
]);

const PLACES = ['a lake', 'a valley', 'some hills', 'a forest', 'a plain'] as const;
const TIMES = ['at dawn', 'at noon', 'at dusk', 'by night'] as const;
const SKIES = ['a clear sky', 'scattered clouds', 'a heavy sky', 'many stars'] as const;

const describe: NodeExecutor = (inputs) => {
  const image = imageIn(inputs, 'image');
  const { label } = opaqueIn(inputs, 'florence2_model');
  const task = textIn(inputs, 'task');
  if (textIn(inputs, 'text_input', '') !== '' && !WITH_WORDS.has(task))
    throw new NodeError(
      'ValueError',
      "Text input (prompt) is only supported for 'referring_expression_segmentation', 'caption_to_phrase_grounding', and 'docvqa'",
    );
  const drawn = inputs['do_sample'] === false ? 0 : numberIn(inputs, 'seed', 1);
  const random = createRandom(digestOf(image.digest, label, task, drawn));
  const [place, time, sky] = [pick(random, PLACES), pick(random, TIMES), pick(random, SKIES)];
  const words = `The image shows ${place} ${time} under ${sky}.`.split(' ');
  const caption = words.slice(0, numberIn(inputs, 'max_new_tokens', 1_024)).join(' ');
  const mask = {
    ...({ kind: 'mask', digest: digestOf(image.digest, 'no mask') } as const),
    ...{ width: 64, height: 64, frames: [new Uint8Array(64 * 64)] },
  };
  return { outputs: [image, mask, caption, '[]'] };
};

const captioner: NodeExecutor = async (inputs, context) => {
  const label = textIn(inputs, 'model');
  await context.loadModel(label);
  const digest = digestOf(context.classType, label, textIn(inputs, 'precision'));
  return {
    outputs: [
      { kind: 'opaque', type: 'FL2MODEL', ...{ digest, label, text: '', steps: 0, words: '' } },
    ],
  };
};

/** As many as CLIP ViT-L/14 has. */
const NUMBERS = 768;

const embedding: NodeExecutor = (inputs) => {
  const random = createRandom(opaqueIn(inputs, 'vision_output').digest);
  const numbers = Array.from({ length: NUMBERS }, () => between(random, -1, 1));
  return { outputs: [JSON.stringify({ [textIn(inputs, 'name')]: numbers })] };
};

/**
 * https://github.com/pythongosssss/ComfyUI-WD14-Tagger, https://github.com/kijai/ComfyUI-Florence2,
 * https://github.com/baijunty/comfyui_image_embeddings
 */
export const VISION_NODES: Readonly<Record<string, NodeExecutor>> = {
  'WD14Tagger|pysssss': tag,
  DownloadAndLoadFlorence2Model: captioner,
  Florence2Run: describe,
  OutputEmbedding: embedding,
};
