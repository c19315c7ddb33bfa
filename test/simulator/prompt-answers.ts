/** Answers of POST /prompt made comparable: without ids, tracebacks, words for people and orders that are chance. */
import { call, post, until, type Json, type Reply } from './simulator-session.ts';
import type { ObjectInfo } from './graph-maker.ts';

/** Options of an input that only frontends read. */
export const FRONTEND_OPTIONS: readonly string[] = [
  'tooltip',
  'multiselect',
  'step',
  'round',
  'advanced',
  'lazy',
];

const UNCOMPARED = new Set([...FRONTEND_OPTIONS, 'traceback']);

const withoutWords = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutWords);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !UNCOMPARED.has(key))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, withoutWords(inner)]),
  );
};

/** Whether a limit was written as `1` or `1.0`, and choices as a list or a tuple, is not in `/object_info`. */
const plainly = (text: string): string =>
  text.replace(/(\d)\.0\b/g, '$1').replace(/not in \(('.*')\)/g, 'not in [$1]');

const sorted = (items: readonly unknown[]): string[] =>
  items.map((item) => plainly(JSON.stringify(withoutWords(item)))).sort();

/** An answer without what differs between two equal servers. */
export const comparable = ({ status, body }: Reply): Json => {
  if (typeof body !== 'object' || body === null) return { status, body };
  const nodes = Object.entries(body.node_errors as Record<string, Json>).map(([id, node]) => [
    id,
    {
      class_type: node.class_type,
      dependent_outputs: sorted(node.dependent_outputs as unknown[]),
      errors: sorted(node.errors as unknown[]),
    },
  ]);
  const error = body.error && {
    ...body.error,
    details: plainly(String(body.error.details)).split('\n').sort(),
  };
  return { status, ...(error && { error }), node_errors: Object.fromEntries(nodes) as unknown };
};

/** The error types an answer names, of the prompt and of its nodes. */
export const errorTypesOf = (answer: {
  readonly error?: { readonly type: string };
  readonly node_errors?: Readonly<Record<string, Json>>;
}): string[] => [
  ...(answer.error ? [answer.error.type] : []),
  ...Object.values(answer.node_errors ?? {}).flatMap((node) =>
    (node.errors as { type: string }[]).map(({ type }) => type),
  ),
];

/** What the sampler needs to run until it is told to stop. */
export const endlessGraph = (checkpoint: string) => ({
  '1': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: checkpoint } },
  '2': { class_type: 'CLIPTextEncode', inputs: { text: 'wait', clip: ['1', 1] } },
  '3': { class_type: 'EmptyLatentImage', inputs: { width: 64, height: 64, batch_size: 1 } },
  '4': {
    class_type: 'KSampler',
    inputs: {
      model: ['1', 0],
      seed: Date.now(),
      steps: 10_000,
      cfg: 1,
      sampler_name: 'euler',
      scheduler: 'normal',
      positive: ['2', 0],
      negative: ['2', 0],
      latent_image: ['3', 0],
      denoise: 1,
    },
  },
  '5': { class_type: 'VAEDecode', inputs: { samples: ['4', 0], vae: ['1', 2] } },
  '6': { class_type: 'PreviewImage', inputs: { images: ['5', 0] } },
});

/** Keeps the worker busy, so that what is accepted meanwhile only waits. The result ends it and drops what waits. */
export const occupy = async (url: string, checkpoint: string): Promise<() => Promise<void>> => {
  const { body } = await post(`${url}/prompt`, { prompt: endlessGraph(checkpoint) });
  await until(async () =>
    (await call(`${url}/queue`)).body.queue_running[0]?.[1] === body.prompt_id ? true : undefined,
  );
  return async () => {
    await post(`${url}/queue`, { clear: true });
    await post(`${url}/interrupt`, { prompt_id: body.prompt_id });
    await until(async () =>
      (await call(`${url}/history/${body.prompt_id as string}`)).body[body.prompt_id]
        ? true
        : undefined,
    );
  };
};

export const objectInfoOf = async (url: string): Promise<ObjectInfo> =>
  (await call(`${url}/object_info`)).body as ObjectInfo;
