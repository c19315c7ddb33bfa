import { setTimeout as delay } from 'node:timers/promises';
import type { JobRuns } from '../client/job-runs.ts';
import type { JobRow } from '../db/job-row.ts';
import type { Outbox } from '../db/outbox.ts';
import type { Wakeups } from '../db/wakeups.ts';
import { messageOf } from '../errors.ts';
import type { Logger, Metrics } from '../ports.ts';
import { createLoop, type Loop } from './loop.ts';

export interface StarterDeps {
  readonly outbox: Outbox;
  readonly runs: Pick<JobRuns, 'start' | 'cancel'>;
  readonly wakeups: Pick<Wakeups, 'on'>;
  readonly pollMs: number;
  readonly logger: Logger;
  readonly metrics?: Metrics;
}

/**
 * Rows taken, and started, at a time; more only queue up inside Temporal's one shard. They stay locked until all are
 * started, and the claim of the first waits for that.
 */
const TAKE = 4;
const CANCELS = 50;
const START_DEADLINE_MS = 5_000;
/** The API delivers a cancel itself; the starter repeats those that had no effect for this long. */
const CANCEL_AGE_MS = 2_000;

/** Starts what the API could not, and delivers cancels that Temporal has not heard of. */
export function createStarter(deps: StarterDeps): Loop {
  const note = (work: string): void => deps.metrics?.count('loopWork', { loop: 'starter', work });

  const startOne = async (job: JobRow): Promise<string | undefined> => {
    try {
      await deps.runs.start(job, START_DEADLINE_MS);
      note('started');
      return job.id;
    } catch (error) {
      note('start_failed');
      deps.logger.warn(
        { jobId: job.id, traceId: job.traceId, error: messageOf(error) },
        'Temporal did not acknowledge the start; the job stays in the outbox',
      );
      return undefined;
    }
  };

  const startAll = async (rows: readonly JobRow[]): Promise<string[]> =>
    (await Promise.all(rows.map(startOne))).filter((id) => id !== undefined);

  return createLoop({
    name: 'starter',
    pollMs: deps.pollMs,
    logger: deps.logger,
    ...(deps.metrics ? { metrics: deps.metrics } : {}),
    subscribe: (wake) => deps.wakeups.on('outbox', wake),
    async pass(closing) {
      for (const id of await deps.outbox.listUndeliveredCancels(CANCEL_AGE_MS, CANCELS)) {
        await deps.runs.cancel(id);
        note('canceled');
      }
      let taken = 1;
      while (taken > 0 && !closing.aborted) {
        let started = 0;
        const takenAt = performance.now();
        taken = await deps.outbox.takeDue(TAKE, async (rows) => {
          const ids = await startAll(rows);
          started = ids.length;
          return ids;
        });
        if (started < taken) break;
        // As long a pause as the starts took: what was started already gets its turn.
        if (taken > 0) await pause(performance.now() - takenAt, closing);
      }
    },
  });
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  delay(ms, undefined, { signal }).catch(() => undefined);
