import { randomUUID } from 'node:crypto';
import type { NodeDefinitions } from '../graph/node-definitions.ts';
import { isRecord, type RawGraph } from '../graph/prompt-graph.ts';
import { PythonError, pythonFloat, pythonStr } from '../graph/python-values.ts';
import type { OwnValidators } from '../graph/validate-inputs.ts';
import { validatePrompt } from '../graph/validate-prompt.ts';
import type { VersionManners } from '../comfy-version.ts';
import type { FaultBook } from '../faults.ts';
import type { PromptHistory } from '../prompt-history.ts';
import type { PromptQueue, QueueItem } from '../prompt-queue.ts';
import type { PromptWorker } from '../prompt-worker.ts';
import { bodyJson, bodyObject, empty, INTERNAL_ERROR, json, type Route } from './exchange.ts';

export interface PromptRouteDeps {
  readonly queue: PromptQueue;
  readonly history: PromptHistory;
  readonly worker: PromptWorker;
  readonly faults: FaultBook;
  readonly definitions: NodeDefinitions;
  readonly ownValidators: OwnValidators;
  readonly manners: VersionManners;
  sendStatus(): void;
  queueInfo(): object;
}

const CANONICAL_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Kept by the server, never shown. */
const SENSITIVE = ['auth_token_comfy_org', 'api_key_comfy_org'];

/** A queue item as clients may see it. */
export const shown = (item: QueueItem): QueueItem => {
  const extra = Object.fromEntries(
    Object.entries(item[3]).filter(([key]) => !SENSITIVE.includes(key)),
  );
  return [item[0], item[1], item[2], extra, item[4]];
};

const refusal = (type: string, message: string, details: string, status = 400) =>
  json({ error: { type, message, details, extra_info: {} }, node_errors: {} }, status);

const promptIdOf = (given: unknown, manners: VersionManners): string | undefined => {
  if (given === undefined) return randomUUID();
  if (!manners.strictPromptIds) return pythonStr(given);
  if (given === null) return randomUUID();
  return typeof given === 'string' && CANONICAL_UUID.test(given) ? given : undefined;
};

const extraDataOf = (
  body: Record<string, unknown>,
  manners: VersionManners,
): Record<string, unknown> => {
  const given = body['extra_data'] === undefined ? {} : body['extra_data'];
  if (!isRecord(given)) throw new PythonError('TypeError', 'extra_data is not a dict');
  return {
    ...given,
    ...(Object.hasOwn(body, 'client_id') && { client_id: body['client_id'] }),
    ...(manners.stampsPrompts && { create_time: Date.now() }),
  };
};

/** POST and GET /prompt. */
export const promptRoutes = (deps: PromptRouteDeps): Route[] => {
  // Counts every POST without `number`, also refused ones; starts again with the process.
  let counter = 0;
  const takeNumber = (body: Record<string, unknown>): number => {
    if (Object.hasOwn(body, 'number')) return pythonFloat(body['number']);
    const number = body['front'] ? -counter : counter;
    counter += 1;
    // Not -0, which JSON would show as 0 and the heap would order by id.
    return number === 0 ? 0 : number;
  };

  const post: Route['handle'] = (request) => {
    if (deps.faults.take('refuse-prompt')) return INTERNAL_ERROR;
    const body = bodyObject(request);
    const number = takeNumber(body);
    if (!Object.hasOwn(body, 'prompt')) {
      return refusal('no_prompt', 'No prompt provided', 'No prompt provided');
    }
    const promptId = promptIdOf(body['prompt_id'], deps.manners);
    if (promptId === undefined) {
      return refusal(
        'invalid_prompt_id',
        'Invalid prompt_id',
        'job id must be a UUID in canonical lowercase hyphenated form',
      );
    }
    const verdict = validatePrompt(body['prompt'], body['partial_execution_targets'], deps);
    const extraData = extraDataOf(body, deps.manners);
    if (verdict.error) {
      return json({ error: verdict.error, node_errors: verdict.nodeErrors }, 400);
    }
    // A tie of number and id throws after the item is in the queue; nobody is told, nothing is woken.
    deps.queue.push([number, promptId, body['prompt'] as RawGraph, extraData, verdict.outputs]);
    deps.sendStatus();
    deps.worker.wake();
    if (deps.faults.take('enqueue-then-fail')) return INTERNAL_ERROR;
    if (deps.faults.take('enqueue-then-drop')) return { status: 200, cutAfter: 0 };
    return json({ prompt_id: promptId, number, node_errors: verdict.nodeErrors });
  };

  return [
    { method: 'GET', path: '/prompt', handle: () => json(deps.queueInfo()) },
    { method: 'POST', path: '/prompt', handle: post },
  ];
};

const listOf = (value: unknown): unknown[] => {
  if (Array.isArray(value)) return value;
  if (typeof value === 'string') return [...value];
  throw new PythonError('TypeError', 'object is not iterable');
};

const intOf = (value: string | null): number | undefined => {
  if (value === null) return undefined;
  if (!/^\s*[+-]?\d+\s*$/.test(value))
    throw new PythonError('ValueError', 'invalid literal for int()');
  return Number(value);
};

/** /queue, /interrupt, /history and /free. */
export const queueRoutes = (deps: PromptRouteDeps): Route[] => {
  const { queue, history, worker } = deps;

  const removePending = (promptId: unknown): void => {
    const last = queue.size === 1;
    if (!queue.remove(promptId)) return;
    // Removing the only item goes through the wipe, which announces itself too.
    if (last) deps.sendStatus();
    deps.sendStatus();
  };

  const postQueue: Route['handle'] = (request) => {
    const body = bodyObject(request);
    if (body['clear']) {
      queue.clear();
      deps.sendStatus();
    }
    if (Object.hasOwn(body, 'delete')) listOf(body['delete']).forEach(removePending);
    return empty();
  };

  const postInterrupt: Route['handle'] = (request) => {
    let body: unknown = {};
    try {
      body = bodyJson(request);
    } catch {
      // An empty or malformed body means: whatever runs now.
    }
    if (!isRecord(body)) throw new PythonError('AttributeError', 'body has no get');
    if (deps.faults.take('ignore-interrupt')) return empty();
    const wanted = body['prompt_id'];
    if (!wanted || worker.running?.[1] === wanted) worker.interrupt();
    return empty();
  };

  const getHistory: Route['handle'] = (request) => {
    const maxItems = intOf(request.query.get('max_items'));
    const offset = intOf(request.query.get('offset')) ?? -1;
    const page = history.page(maxItems, offset);
    return json(
      Object.fromEntries(
        page.map(([id, entry]) => [id, { ...entry, prompt: shown(entry.prompt) }]),
      ),
    );
  };

  const getHistoryEntry: Route['handle'] = (request) => {
    const id = request.params['id'] ?? '';
    const entry = history.find(id);
    return json(entry ? { [id]: { ...entry, prompt: shown(entry.prompt) } } : {});
  };

  const postHistory: Route['handle'] = (request) => {
    const body = bodyObject(request);
    if (body['clear']) history.clear();
    if (Object.hasOwn(body, 'delete')) {
      for (const id of listOf(body['delete'])) history.delete(String(id));
    }
    return empty();
  };

  const getQueue: Route['handle'] = () =>
    json({
      queue_running: worker.running ? [shown(worker.running)] : [],
      queue_pending: queue.items().map(shown),
    });

  const postFree: Route['handle'] = (request) => {
    const body = bodyJson(request);
    if (!isRecord(body)) throw new PythonError('AttributeError', 'body has no get');
    if (body['unload_models'] || body['free_memory']) worker.free(Boolean(body['free_memory']));
    return empty();
  };

  return [
    { method: 'GET', path: '/queue', handle: getQueue },
    { method: 'POST', path: '/queue', handle: postQueue },
    { method: 'POST', path: '/interrupt', handle: postInterrupt },
    { method: 'GET', path: '/history', handle: getHistory },
    { method: 'GET', path: '/history/:id', handle: getHistoryEntry },
    { method: 'POST', path: '/history', handle: postHistory },
    { method: 'POST', path: '/free', handle: postFree },
  ];
};
