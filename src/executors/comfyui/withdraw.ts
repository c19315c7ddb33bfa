import { setTimeout as sleep } from 'node:timers/promises';
import { OrchestratorError } from '../../errors.ts';
import { type Call, type ComfyHttp, unexpectedStatus } from './http.ts';
import { readText } from './http-response.ts';
import { look } from './look.ts';

/** One sampler step or one model load cannot be interrupted; longer than this the server is stuck. In ms. */
const GIVE_UP_AFTER_MS = 180_000;
const FIRST_PAUSE_MS = 25;
const LAST_PAUSE_MS = 1000;

const order = async (
  http: ComfyHttp,
  path: string,
  body: object,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const spec: Call = {
    method: 'POST',
    path,
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
    signal,
  };
  await http.call(spec, async (response) => {
    if (!response.ok) throw await unexpectedStatus(http, spec, response);
    await readText(response, 1024);
  });
};

/**
 * Dequeues or interrupts exactly this prompt and looks until it is gone or has ended. ComfyUI drops an interrupt that
 * meets the moment between queue and start, so it is repeated; it is only ever sent with the id and only right after
 * the server said that this id is the running one. Throws `server_error` when the prompt does not go away.
 */
export const withdrawPrompt = async (
  http: ComfyHttp,
  promptId: string,
  signal?: AbortSignal,
): Promise<'gone' | 'finished'> => {
  const deadline = Date.now() + GIVE_UP_AFTER_MS;
  let pause = FIRST_PAUSE_MS;
  for (;;) {
    await order(http, '/queue', { delete: [promptId] }, signal);
    const { state } = await look(http, promptId, signal);
    if (state === 'succeeded' || state === 'failed') return 'finished';
    if (state === 'absent' || state === 'interrupted') return 'gone';
    if (Date.now() > deadline) {
      throw new OrchestratorError(
        'server_error',
        `ComfyUI ${http.serverId} still has prompt ${promptId} as ${state} after ` +
          `${GIVE_UP_AFTER_MS / 1000} s of interrupts; its worker thread is stuck, restart the server`,
        { retryable: true },
      );
    }
    if (state === 'running') await order(http, '/interrupt', { prompt_id: promptId }, signal);
    await sleep(pause, undefined, signal === undefined ? {} : { signal }).catch(() =>
      signal?.throwIfAborted(),
    );
    pause = Math.min(pause * 2, LAST_PAUSE_MS);
  }
};
