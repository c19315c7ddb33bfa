import { OrchestratorError } from '../../errors.ts';
import type { Graph } from '../../domain/graphs/graph.ts';
import type { Feeds } from './feeds.ts';
import { type Call, type ComfyHttp, unexpectedStatus } from './http.ts';
import { readText } from './http-response.ts';
import { asObject, asString, parseJson } from './json-read.ts';
import { OLDEST_COMFYUI } from './version.ts';
import { hasNodeErrors, refusalOf } from './refusal.ts';
import { withdrawPrompt } from './withdraw.ts';

const ANSWER_LIMIT = 1024 * 1024;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

export interface Prompt {
  readonly promptId: string;
  readonly graph: Graph;
  readonly traceId: string;
}

const callOf = (prompt: Prompt, clientId: string, signal: AbortSignal | undefined): Call => ({
  method: 'POST',
  path: '/prompt',
  // Never `number`: two pending prompts of equal number and id kill ComfyUI's worker thread.
  body: JSON.stringify({
    prompt: prompt.graph,
    prompt_id: prompt.promptId,
    client_id: clientId,
    extra_data: { trace_id: prompt.traceId },
  }),
  headers: {
    'content-type': 'application/json',
    ...(TRACEPARENT.test(prompt.traceId) ? { traceparent: prompt.traceId } : {}),
  },
  signal,
});

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly body: unknown;
}

/** Withdraws what the server took although it will not do it as asked; the refusal stays the error that is told. */
const undo = async (
  http: ComfyHttp,
  promptId: string,
  signal: AbortSignal | undefined,
): Promise<void> => {
  await withdrawPrompt(http, promptId, signal).catch(() => undefined);
};

/** ComfyUI's own 400 carries an `error` object; any other 400 comes from something in between. */
const isRefusal = ({ status, body }: Answer): boolean =>
  status === 400 && asObject(asObject(body)?.['error']) !== undefined;

const judge = async (
  http: ComfyHttp,
  prompt: Prompt,
  answer: Answer,
  signal: AbortSignal | undefined,
): Promise<string> => {
  const { status, text, body } = answer;
  if (isRefusal(answer)) throw refusalOf(http.serverId, body, prompt.graph);
  if (status === 413) {
    throw new OrchestratorError(
      'graph_refused',
      `ComfyUI ${http.serverId} takes no request this large: ${text.trim().slice(0, 200)}; ` +
        'make the graph smaller or raise --max-upload-size of the server',
    );
  }
  const taken = asString(asObject(body)?.['prompt_id']);
  if (taken === undefined) {
    throw new OrchestratorError(
      'server_error',
      `ComfyUI ${http.serverId} answered POST /prompt with ${status} and no prompt_id: ${text.slice(0, 200)}; ` +
        `check that ${http.setIn.address} leads to ComfyUI`,
      { retryable: true },
    );
  }
  if (taken !== prompt.promptId) {
    await undo(http, taken, signal);
    throw new OrchestratorError(
      'configuration',
      `ComfyUI ${http.serverId} gave the prompt an id of its own (${taken}) instead of ` +
        `${prompt.promptId}; runs cannot be re-attached there, update it to ${OLDEST_COMFYUI} or later`,
    );
  }
  // 200 with node errors: the outputs that failed validation are silently left out of the run.
  if (hasNodeErrors(body)) {
    await undo(http, taken, signal);
    throw refusalOf(http.serverId, body, prompt.graph);
  }
  return text;
};

/**
 * Posts the prompt once. Throws `graph_refused` or `model_missing` (final), `server_error` or `server_unreachable`
 * (retryable; whether it was taken is then unknown until looked up).
 */
export const submitPrompt = async (
  deps: {
    readonly http: ComfyHttp;
    readonly feeds: Feeds;
    readonly socket: { readonly frames: number; expectFrame(since: number): void };
    readonly clientId: string;
  },
  prompt: Prompt,
  signal?: AbortSignal,
): Promise<string> => {
  const { http } = deps;
  const feed = deps.feeds.expect(prompt.promptId, prompt.graph);
  const spec = callOf(prompt, deps.clientId, signal);
  const frames = deps.socket.frames;
  try {
    const answer = await http.call(spec, async (response): Promise<Answer> => {
      if (!response.ok && response.status !== 400 && response.status !== 413) {
        throw await unexpectedStatus(http, spec, response);
      }
      const { text } = await readText(response, ANSWER_LIMIT);
      return { status: response.status, text, body: parseJson(text) };
    });
    const text = await judge(http, prompt, answer, signal);
    feed.accepted();
    deps.socket.expectFrame(frames);
    return text;
  } catch (error) {
    feed.drop();
    throw error;
  }
};
