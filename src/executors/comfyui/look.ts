import { OrchestratorError } from '../../errors.ts';
import type { PromptState } from '../../ports.ts';
import { stateOfEntry } from './history.ts';
import { type Call, type ComfyHttp, unexpectedStatus } from './http.ts';
import { readChunks } from './http-response.ts';
import { asObject } from './json-read.ts';
import { createQueueScan, type QueuePlace } from './queue-scan.ts';

/** The queue of a busy shared server with large graphs is many megabytes; it is read as it passes. */
const QUEUE_LIMIT = 256 * 1024 * 1024;
/** An entry of a failed run carries its graph, which may hold pictures, and its tensors' text. */
const HISTORY_LIMIT = 32 * 1024 * 1024;

const placeInQueue = (
  http: ComfyHttp,
  promptId: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly place: QueuePlace | undefined; readonly prompts: number }> => {
  const spec: Call = { method: 'GET', path: '/queue', signal };
  return http.call(spec, async (response) => {
    if (!response.ok) throw await unexpectedStatus(http, spec, response);
    const scan = createQueueScan(promptId);
    const decoder = new TextDecoder();
    // After the find the rest is read unseen, which keeps the connection for the next call.
    let place: QueuePlace | undefined;
    let bytes = 0;
    await readChunks(response, (chunk) => {
      bytes += chunk.length;
      if (bytes > QUEUE_LIMIT) return false;
      place ??= scan.feed(decoder.decode(chunk, { stream: true }));
      return true;
    });
    if (place === undefined && !scan.complete()) {
      throw new OrchestratorError(
        'server_error',
        `ComfyUI ${http.serverId} answered GET /queue with no complete JSON object; ` +
          `check that ${http.setIn.address} leads to ComfyUI`,
        { retryable: true },
      );
    }
    return { place, prompts: scan.prompts() };
  });
};

/** The prompt's end by `GET /history/{id}`, or undefined while it has none. One round trip. */
export const lookInHistory = async (
  http: ComfyHttp,
  promptId: string,
  signal?: AbortSignal,
): Promise<PromptState | undefined> => {
  const path = `/history/${encodeURIComponent(promptId)}`;
  const answer = asObject(
    await http.json({ method: 'GET', path, signal, maxBytes: HISTORY_LIMIT }),
  );
  const entry = asObject(answer?.[promptId]);
  return entry === undefined ? undefined : stateOfEntry(entry);
};

/** Queue first, then history: both change under one lock, so a prompt that moves between them is never missed. */
export const look = async (
  http: ComfyHttp,
  promptId: string,
  signal?: AbortSignal,
): Promise<PromptState> => {
  const { place, prompts } = await placeInQueue(http, promptId, signal);
  if (place !== undefined) return { state: place };
  return (await lookInHistory(http, promptId, signal)) ?? { state: 'absent', others: prompts };
};
