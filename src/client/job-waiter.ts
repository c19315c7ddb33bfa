import { isDatabaseUnavailable } from '../db/connect.ts';
import { isTerminal } from '../domain/job.ts';
import type { JobRow } from '../db/job-row.ts';
import type { Wakeups } from '../db/wakeups.ts';

/** How often the database is asked even without a wake-up: once for all that wait. */
const POLL_MS = 1_000;

export interface JobWaiterDeps {
  readonly wakeups: Pick<Wakeups, 'on'>;
  /** Those of the ids whose job has ended or is gone. */
  readonly listEnded: (ids: readonly string[]) => Promise<readonly string[]>;
}

export interface WaitRequest {
  /** The jobs as they were read last. */
  readonly rows: readonly JobRow[];
  readonly load: () => Promise<readonly JobRow[]>;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

interface Waiting {
  readonly pending: Set<string>;
  wake(): void;
}

export type JobWaiter = ReturnType<typeof createJobWaiter>;

/** Holds callers until their jobs have ended; woken by the ends of jobs, with one slow poll for all beside it. */
export function createJobWaiter({ wakeups, listEnded }: JobWaiterDeps) {
  const waiting = new Set<Waiting>();
  let timer: NodeJS.Timeout | undefined;

  const take = (ids: readonly string[]): void => {
    for (const entry of waiting) {
      for (const id of ids) entry.pending.delete(id);
      if (entry.pending.size === 0) entry.wake();
    }
  };

  let looking = false;
  let again = false;
  /** One look at a time, for all that wait. */
  const look = async (): Promise<void> => {
    again = true;
    if (looking) return;
    looking = true;
    while (again) {
      again = false;
      const ids = new Set([...waiting].flatMap((entry) => [...entry.pending]));
      // While the database is away the jobs go on, and so does the wait; the next look asks again.
      if (ids.size > 0) take(await listEnded([...ids]).catch(() => []));
    }
    looking = false;
  };

  wakeups.on('done', (ids) => {
    if (ids.length > 0) take(ids);
    else void look();
  });

  /** Resolves when all of them have ended as far as is known, or when the time is up. */
  const wait = async (ids: ReadonlySet<string>, ms: number, signal?: AbortSignal) => {
    timer ??= setInterval(() => void look(), POLL_MS);
    await new Promise<void>((resolve) => {
      const limit = setTimeout(done, ms);
      const entry: Waiting = { pending: new Set(ids), wake: done };
      function done(): void {
        clearTimeout(limit);
        signal?.removeEventListener('abort', done);
        waiting.delete(entry);
        resolve();
      }
      signal?.addEventListener('abort', done);
      waiting.add(entry);
    });
    if (waiting.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };

  return {
    /** The rows when all have ended, or as they are when the time is up or the caller went away. */
    async waitForEnd({ load, timeoutMs, signal, ...given }: WaitRequest) {
      const deadline = Date.now() + timeoutMs;
      let { rows } = given;
      for (;;) {
        const open = new Set(rows.filter((row) => !isTerminal(row.state)).map((row) => row.id));
        const leftMs = deadline - Date.now();
        if (open.size === 0 || leftMs <= 0 || signal?.aborted) return rows;
        await wait(open, leftMs, signal);
        rows = await load().catch(known(rows));
        // Told too early, as a cancel is: what happened since the rows were read is asked for at once.
        if (rows.some((row) => !isTerminal(row.state))) queueMicrotask(() => void look());
      }
    },
  };
}

/** While the database is away the rows stay as they were read last. */
const known =
  (rows: readonly JobRow[]) =>
  (error: unknown): readonly JobRow[] => {
    if (isDatabaseUnavailable(error)) return rows;
    throw error;
  };
