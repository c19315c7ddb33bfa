import { isDatabaseUnavailable } from '../db/connect.ts';
import { isTerminal } from '../domain/job.ts';
import type { JobRow } from '../db/job-row.ts';
import type { Wakeups } from '../db/wakeups.ts';

/** How often waiting requests look even without a wake-up. */
const POLL_MS = 1_000;

export interface WaitRequest {
  readonly load: () => Promise<readonly JobRow[]>;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** While the database is away the rows stay as they were read last: the jobs go on, and so does the wait. */
const known =
  (rows: readonly JobRow[]) =>
  (error: unknown): readonly JobRow[] => {
    if (isDatabaseUnavailable(error)) return rows;
    throw error;
  };

export type JobWaiter = ReturnType<typeof createJobWaiter>;

/** Holds callers until their jobs have ended; woken by the end of a job, with a slow poll beside it. */
export function createJobWaiter(wakeups: Pick<Wakeups, 'on'>) {
  return {
    /** The rows when all have ended, or as they are when the time is up or the caller went away. */
    async waitForEnd({ load, timeoutMs, signal }: WaitRequest): Promise<readonly JobRow[]> {
      const deadline = Date.now() + timeoutMs;
      let rows = await load();
      const ended = (): boolean => rows.every((row) => isTerminal(row.state));
      const mine = new Set(rows.map((row) => row.id));
      let wake: () => void = () => undefined;
      let woken = false;
      const stop = wakeups.on('done', (ids) => {
        if (ids.length > 0 && !ids.some((id) => mine.has(id))) return;
        woken = true;
        wake();
      });
      const onAbort = (): void => wake();
      signal?.addEventListener('abort', onAbort);
      try {
        while (!ended() && !signal?.aborted && Date.now() < deadline) {
          if (!woken) {
            await new Promise<void>((resolve) => {
              const timer = setTimeout(resolve, Math.min(POLL_MS, deadline - Date.now()));
              wake = () => {
                clearTimeout(timer);
                resolve();
              };
            });
          }
          woken = false;
          rows = await load().catch(known(rows));
        }
        return rows;
      } finally {
        stop();
        signal?.removeEventListener('abort', onAbort);
      }
    },
  };
}
