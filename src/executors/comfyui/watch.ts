import { isOrchestratorError } from '../../errors.ts';
import type { PromptState, WatchOptions } from '../../ports.ts';
import type { Feeds, PromptFeed } from './feeds.ts';
import type { ComfyHttp } from './http.ts';
import { look, lookInHistory } from './look.ts';

export interface WatchDeps {
  readonly http: ComfyHttp;
  readonly feeds: Feeds;
  /** Whether messages can be counted on to arrive. */
  readonly socketAlive: () => boolean;
  /** Between looks while the socket is alive. */
  readonly pollMs: number;
}

/** Between looks while no socket tells when to look, in ms. */
const BLIND_POLL_MS = 250;
/** A prompt counts as absent when so many looks in a row say so. */
const ABSENT_LOOKS = 2;
/** A server busy loading a model may miss a call; this many in a row are for the caller to judge. */
const MISSED_LOOKS = 3;

/** After the announced end only the entry is missing: one round trip instead of two. */
const nextLook = async (
  http: ComfyHttp,
  promptId: string,
  feed: PromptFeed,
  signal: AbortSignal,
): Promise<PromptState> => {
  const ended = feed.ending() ? await lookInHistory(http, promptId, signal) : undefined;
  return ended ?? (await look(http, promptId, signal));
};

/**
 * Looks until the server's books say that the prompt ended, or that it is absent on two looks in a row. Throws the
 * signal's reason, or the last error after several failed looks in a row.
 */
export const watchPrompt = async (
  deps: WatchDeps,
  promptId: string,
  options: WatchOptions,
): Promise<PromptState> => {
  const { signal } = options;
  signal.throwIfAborted();
  const feed = deps.feeds.open(promptId, options);
  const blindPoll = Math.min(BLIND_POLL_MS, deps.pollMs);
  const interval = (): number => (deps.socketAlive() ? deps.pollMs : blindPoll);
  let absent = 0;
  let missed = 0;
  let done = false;
  try {
    // Just accepted, and the socket will tell: looking now would only say `running`.
    if (feed.takeSubmitted() && deps.socketAlive()) await feed.wait(interval(), signal);
    for (;;) {
      try {
        const state = await nextLook(deps.http, promptId, feed, signal);
        missed = 0;
        options.onAnswer?.(state.state);
        const going = state.state === 'queued' || state.state === 'running';
        absent = state.state === 'absent' ? absent + 1 : 0;
        done = absent > 0 ? absent >= ABSENT_LOOKS : !going;
        if (done) return state;
      } catch (error) {
        missed += 1;
        const transient = isOrchestratorError(error) && error.retryable;
        if (!transient || missed >= MISSED_LOOKS) throw error;
      }
      await feed.wait(absent > 0 || missed > 0 ? blindPoll : interval(), signal);
    }
  } finally {
    feed.close(done);
  }
};
