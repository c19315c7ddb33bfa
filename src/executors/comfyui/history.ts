import type { OutputFile, OutputText, PromptState } from '../../ports.ts';
import { asArray, asNumber, asObject, asString, type JsonObject } from './json-read.ts';

/** Enough for an exception and its tips; the traceback and the tensors' text stay on the server. */
const MESSAGE_LIMIT = 2000;

const trimmed = (text: string): string => {
  const bare = text.trim();
  return bare.length > MESSAGE_LIMIT ? `${bare.slice(0, MESSAGE_LIMIT)}…` : bare;
};

const fileOf = (nodeId: string, value: unknown): OutputFile | undefined => {
  const item = asObject(value);
  const filename = asString(item?.['filename']);
  if (item === undefined || filename === undefined) return undefined;
  const type = item['type'];
  return {
    nodeId,
    filename,
    subfolder: asString(item['subfolder']) ?? '',
    type: type === 'temp' || type === 'input' ? type : 'output',
  };
};

/** Node ids in the order of the graph; JSON objects with integer keys come out sorted, which is the same for all. */
const nodeOrder = (entry: JsonObject, outputs: JsonObject): readonly string[] => {
  const graph = asObject(asArray(entry['prompt'])[2]) ?? {};
  const known = Object.keys(graph).filter((id) => id in outputs);
  return [...known, ...Object.keys(outputs).filter((id) => !(id in graph))];
};

/** Every file of an entry, in graph order, under whatever key the node chose (`images`, `audio`, `3d`, …). */
const outputFiles = (entry: JsonObject): readonly OutputFile[] => {
  const outputs = asObject(entry['outputs']) ?? {};
  return nodeOrder(entry, outputs).flatMap((nodeId) =>
    Object.values(asObject(outputs[nodeId]) ?? {}).flatMap((list) =>
      asArray(list).flatMap((item) => fileOf(nodeId, item) ?? []),
    ),
  );
};

/** Longer texts are no result of a job; so are those after the first hundred. */
const TEXT_LIMIT = 2 * 1024 * 1024;
const MOST_TEXTS = 100;

/** Every text of an entry, in graph order, under whatever key the node chose (`tags`, `text`, …). */
const outputTexts = (entry: JsonObject): readonly OutputText[] => {
  const outputs = asObject(entry['outputs']) ?? {};
  return nodeOrder(entry, outputs)
    .flatMap((nodeId) =>
      Object.values(asObject(outputs[nodeId]) ?? {}).flatMap((list) =>
        asArray(list).flatMap((text) =>
          typeof text === 'string' && text.length <= TEXT_LIMIT ? { nodeId, text } : [],
        ),
      ),
    )
    .slice(0, MOST_TEXTS);
};

/** How a prompt ended, from its entry of `GET /history/{id}`. */
export const stateOfEntry = (entry: JsonObject): PromptState => {
  const status = asObject(entry['status']);
  const messages = new Map<string, JsonObject>();
  for (const message of asArray(status?.['messages'])) {
    const [name, data] = asArray(message);
    const content = asObject(data);
    if (typeof name === 'string' && content !== undefined) messages.set(name, content);
  }
  // An interrupted run also says `error`; only its last message tells it apart.
  if (messages.has('execution_interrupted')) return { state: 'interrupted' };
  const failure = messages.get('execution_error');
  if (failure !== undefined || status?.['status_str'] === 'error') {
    return {
      state: 'failed',
      nodeId: asString(failure?.['node_id']) ?? '',
      nodeType: asString(failure?.['node_type']) ?? '',
      exceptionType: asString(failure?.['exception_type']) ?? 'unknown',
      message: trimmed(
        asString(failure?.['exception_message']) ?? 'the server recorded an error without a reason',
      ),
      outputs: outputFiles(entry),
    };
  }
  const started = asNumber(messages.get('execution_start')?.['timestamp']);
  const ended = asNumber(messages.get('execution_success')?.['timestamp']);
  const texts = outputTexts(entry);
  return {
    state: 'succeeded',
    outputs: outputFiles(entry),
    ...(texts.length > 0 ? { texts } : {}),
    executionMs: started === undefined || ended === undefined ? 0 : Math.max(0, ended - started),
    cachedNodes: asArray(messages.get('execution_cached')?.['nodes']).length,
  };
};
