import { digestOf } from '../graph/node-signature.ts';
import {
  numberIn,
  opaqueIn,
  textIn,
  wordsIn,
  type NodeContext,
  type NodeExecutor,
  type NodeInputs,
} from './node-context.ts';
import type { NodeValue, OpaqueValue } from './values.ts';

const opaque = (
  type: string,
  digest: string,
  rest: Partial<Pick<OpaqueValue, 'label' | 'text' | 'steps' | 'words'>> = {},
): OpaqueValue => ({
  kind: 'opaque',
  type,
  digest,
  label: '',
  text: '',
  steps: 0,
  words: '',
  ...rest,
});

/** What a value adds to the digest of what is made from it. */
const trace = (value: NodeValue | undefined): unknown =>
  typeof value === 'object' ? value.digest : value;

export const digestInputs = (classType: string, inputs: NodeInputs): string =>
  digestOf(
    classType,
    Object.keys(inputs)
      .sort()
      .map((name) => [name, trace(inputs[name])]),
  );

const isOpaque = (value: NodeValue | undefined): value is OpaqueValue =>
  typeof value === 'object' && value.kind === 'opaque';

const SCHEDULES = new Set(['steps', 'n_steps']);

/**
 * Any class whose outputs have no pixels: its result is known by what went in. Model name and prompt text travel
 * along so that the picture can show them.
 */
export const deriveOpaque = (inputs: NodeInputs, context: NodeContext): NodeValue[] => {
  const digest = digestInputs(context.classType, inputs);
  const values = Object.values(inputs).filter(isOpaque);
  const label = values.find((value) => value.label !== '')?.label ?? '';
  const texts = new Set(values.map((value) => value.text).filter((text) => text !== ''));
  const steps = Object.entries(inputs).find(([name]) => SCHEDULES.has(name))?.[1];
  const positive = inputs['positive'];
  const named: Readonly<Record<string, NodeValue | undefined>> = {
    positive,
    negative: inputs['negative'],
  };
  return context.outputTypes.map((type, slot) => {
    // Classes with both conditionings give them back in the order positive, negative.
    const through =
      type === 'CONDITIONING' ? named[slot === 0 ? 'positive' : 'negative'] : undefined;
    const text = isOpaque(through)
      ? through.text
      : isOpaque(positive)
        ? positive.text
        : [...texts].join(' ');
    return opaque(type, digestOf(digest, slot), {
      label,
      text,
      steps: typeof steps === 'number' ? steps : (values.find((v) => v.steps > 0)?.steps ?? 0),
    });
  });
};

const loader =
  (...fileInputs: readonly string[]): NodeExecutor =>
  async (inputs, context) => {
    const files = fileInputs.map((name) => textIn(inputs, name));
    for (const file of files) await context.loadModel(file);
    const digest = digestInputs('file', inputs);
    return {
      outputs: context.outputTypes.map((type) =>
        opaque(type, digestOf(digest, type), { label: files[0] ?? '' }),
      ),
    };
  };

const loadLora: NodeExecutor = async (inputs, context) => {
  const file = textIn(inputs, 'lora_name');
  const applied: [string, number][] = [
    ['model', numberIn(inputs, 'strength_model')],
    ['clip', numberIn(inputs, 'strength_clip', 0)],
  ];
  // Both strengths 0: the original hands model and clip through untouched.
  const active = applied.some(([, strength]) => strength !== 0);
  if (active) await context.loadModel(file);
  const outputs = applied.slice(0, context.outputTypes.length).map(([name, strength]) => {
    const value = opaqueIn(inputs, name);
    return active && strength !== 0
      ? { ...value, digest: digestOf(value.digest, 'lora', file, strength) }
      : value;
  });
  return { outputs };
};

const setClipLayer: NodeExecutor = (inputs) => {
  const clip = opaqueIn(inputs, 'clip');
  const layer = numberIn(inputs, 'stop_at_clip_layer');
  return { outputs: [{ ...clip, digest: digestOf(clip.digest, 'layer', layer) }] };
};

const EMBEDDING = /(^|[\s(])embedding:([^\s,:()]+)/g;

/** An embedding the server does not have is dropped in silence, so it must not change the picture. */
const withoutUnknownEmbeddings = (text: string, embeddings: readonly string[]): string => {
  const known = new Set(embeddings.flatMap((file) => [file, file.replace(/\.[^./]+$/, '')]));
  return text.replace(EMBEDDING, (whole: string, lead: string, name: string) =>
    known.has(name) ? whole : lead,
  );
};

const encodeText =
  (...textInputs: readonly string[]): NodeExecutor =>
  (inputs, context) => {
    const clip = opaqueIn(inputs, 'clip');
    const texts = textInputs.map((name) => textIn(inputs, name, ''));
    const meant = Object.fromEntries(
      Object.entries(inputs).map(([name, value]) => [
        name,
        typeof value === 'string' ? withoutUnknownEmbeddings(value, context.embeddings) : value,
      ]),
    );
    const digest = digestInputs('text', meant);
    const text = [...new Set(texts)].filter((part) => part !== '').join(' ');
    return { outputs: [opaque('CONDITIONING', digest, { text, label: clip.label })] };
  };

const zeroOut: NodeExecutor = () => ({
  outputs: [opaque('CONDITIONING', digestOf('zeroed conditioning'))],
});

const named =
  (type: string, input: string): NodeExecutor =>
  (inputs, context) => ({
    outputs: [
      opaque(type, digestInputs(context.classType, inputs), { words: wordsIn(inputs, input) }),
    ],
  });

export const MODEL_NODES: Readonly<Record<string, NodeExecutor>> = {
  CheckpointLoaderSimple: loader('ckpt_name'),
  UNETLoader: loader('unet_name'),
  CLIPLoader: loader('clip_name'),
  DualCLIPLoader: loader('clip_name1', 'clip_name2'),
  TripleCLIPLoader: loader('clip_name1', 'clip_name2', 'clip_name3'),
  VAELoader: loader('vae_name'),
  ControlNetLoader: loader('control_net_name'),
  UpscaleModelLoader: loader('model_name'),
  CLIPVisionLoader: loader('clip_name'),
  StyleModelLoader: loader('style_model_name'),
  LoraLoader: loadLora,
  LoraLoaderModelOnly: loadLora,
  CLIPSetLastLayer: setClipLayer,
  CLIPTextEncode: encodeText('text'),
  CLIPTextEncodeFlux: encodeText('clip_l', 't5xxl'),
  CLIPTextEncodeSDXL: encodeText('text_g', 'text_l'),
  CLIPTextEncodeSDXLRefiner: encodeText('text'),
  CLIPTextEncodeSD3: encodeText('clip_l', 'clip_g', 't5xxl'),
  CLIPTextEncodeHunyuanDiT: encodeText('bert', 'mt5xl'),
  ConditioningZeroOut: zeroOut,
  RandomNoise: named('NOISE', 'noise_seed'),
  KSamplerSelect: named('SAMPLER', 'sampler_name'),
};
