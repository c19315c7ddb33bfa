import type { CallbackRuns } from '../client/callback-runs.ts';
import type { CallbackOutbox, UntoldStream } from '../db/callback-outbox.ts';
import type { Wakeups } from '../db/wakeups.ts';
import { messageOf } from '../errors.ts';
import type { Logger, Metrics } from '../ports.ts';
import { createLoop, type Loop } from './loop.ts';

export interface CallbackStarterDeps {
  readonly outbox: CallbackOutbox;
  readonly runs: CallbackRuns;
  readonly wakeups: Pick<Wakeups, 'on'>;
  readonly pollMs: number;
  /** A stream that should have been tried so long ago is told again. (Default: 10 minutes) */
  readonly forgottenAfterMs?: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Few at a time, because jobs are started beside them. */
const TAKE = 4;
const FIRST = '00000000-0000-0000-0000-000000000000';
const FORGOTTEN_AFTER_MS = 10 * 60_000;
const FORGOTTEN = 500;

/**
 * Has everything sent that was written and that Temporal was not told of. Two of these do the same work twice, which
 * changes nothing: a run that is told once more looks once more.
 */
export function createCallbackStarter(deps: CallbackStarterDeps): Loop {
  const { outbox, logger, metrics, forgottenAfterMs = FORGOTTEN_AFTER_MS } = deps;
  let lookedAt = -Infinity;

  const tell = async (stream: UntoldStream): Promise<boolean> => {
    const { id: streamId, tenant, isUrgent } = stream;
    try {
      await deps.runs.tell({ streamId, tenant }, isUrgent);
    } catch (error) {
      logger.warn(
        { streamId, error: messageOf(error) },
        'Temporal was not told of a callback; it stays in the outbox',
      );
      return false;
    }
    await outbox.markTold(stream);
    metrics.count('loopWork', { loop: 'callbacks', work: 'told' });
    return true;
  };

  /** False when none of them could be told. */
  const tellAll = async (streams: readonly UntoldStream[]): Promise<boolean> =>
    (await Promise.all(streams.map(tell))).some(Boolean);

  const untold = async (closing: AbortSignal): Promise<void> => {
    let cursor = FIRST;
    while (!closing.aborted) {
      const streams = await outbox.listUntold(cursor, TAKE);
      cursor = streams.at(-1)?.id ?? FIRST;
      // Temporal is away: the next pass begins anew. One that fails alone keeps no others back.
      if (!(await tellAll(streams)) || streams.length < TAKE) return;
    }
  };

  const forgotten = async (closing: AbortSignal): Promise<void> => {
    if (performance.now() - lookedAt < forgottenAfterMs / 10) return;
    lookedAt = performance.now();
    const streams = await outbox.listForgotten(forgottenAfterMs, FORGOTTEN);
    for (let from = 0; from < streams.length && !closing.aborted; from += TAKE)
      if (!(await tellAll(streams.slice(from, from + TAKE)))) return;
  };

  return createLoop({
    name: 'callbacks',
    pollMs: deps.pollMs,
    logger,
    metrics,
    // Of ends, which most callbacks tell; a claim is found by the poll.
    subscribe: (wake) => deps.wakeups.on('callbacks', wake),
    async pass(closing) {
      await untold(closing);
      await forgotten(closing);
    },
  });
}
