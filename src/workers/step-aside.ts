import { ApplicationFailure } from '@temporalio/common';

/** No sooner than this after it stepped aside does a claim come back. */
const LEAST_MS = 2_000;
/** Between two that come back: however many stepped aside, they cost no more than 20 tasks a second. */
const SPACING_MS = 50;

/**
 * Which claims of a full window step aside so that others come in: all but the older half. To be asked only when a
 * server is left idle that none of them can use; the jobs that could may be behind them in the queue.
 */
export const surplusOf = <T extends { readonly order: number }>(
  claims: readonly T[],
  window: number,
): readonly T[] =>
  claims.length < window
    ? []
    : [...claims].sort((a, b) => a.order - b.order).slice(Math.floor(window / 2));

/** Makes the failures with which claims step aside: Temporal asks again for each after a time of its own. */
export function createReturns(): (nowMs: number) => {
  readonly inMs: number;
  readonly failure: ApplicationFailure;
} {
  let lastMs = 0;
  return (nowMs) => {
    lastMs = Math.max(nowMs + LEAST_MS, lastMs + SPACING_MS);
    const inMs = lastMs - nowMs;
    const failure = ApplicationFailure.create({
      type: 'steps_aside',
      message: `No server that can run it has room, and one that cannot is idle: it lets others in and comes back in ${(inMs / 1_000).toFixed(1)} s.`,
      nextRetryDelay: inMs,
    });
    return { inMs, failure };
  };
}
