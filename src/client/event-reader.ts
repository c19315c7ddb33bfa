import type { JobRow } from '../db/job-row.ts';
import type { SnapshotStore } from '../db/snapshots.ts';
import { isTerminal } from '../domain/job.ts';
import { OrchestratorError } from '../errors.ts';
import { projectEvents } from './event-projection.ts';
import type { RunHistory } from './run-history.ts';
import type { JobEvent } from './verbs.ts';

export interface EventReaderDeps {
  readonly snapshots: Pick<SnapshotStore, 'listSnapshots'>;
  readonly readHistory: (jobId: string) => Promise<RunHistory | undefined>;
}

export type EventReader = ReturnType<typeof createEventReader>;

/** A job's events: earlier runs from their snapshots, the newest from Temporal, or from its snapshot once that is gone. */
export function createEventReader({ snapshots, readHistory }: EventReaderDeps) {
  return {
    /** Throws `unavailable` when Temporal cannot be asked and there is no snapshot either. */
    async listEvents(row: JobRow): Promise<JobEvent[]> {
      const [history, error] = await readHistory(row.id).then(
        (found) => [found, undefined] as const,
        (thrown: unknown) => [undefined, thrown] as const,
      );
      // Read after the history: a run that closes and is deleted in between has left its snapshot by then.
      const kept = await snapshots.listSnapshots(row.id);
      if (error !== undefined && kept.length === 0)
        throw new OrchestratorError(
          'unavailable',
          'Temporal cannot be asked for the events right now. Try again in a few seconds.',
          { retryable: true, retryAfterSeconds: 5, cause: error },
        );
      const earlier = kept
        .filter((snapshot) => snapshot.runId !== history?.runId)
        .flatMap((snapshot) => snapshot.events);
      const current = history ? projectEvents(history.runId, history.events, history.pending) : [];
      const events = [...earlier, ...current];
      return events.length > 0 ? withEnd(events, row) : fromRow(row);
    },
  };
}

/** Events of a job that Temporal never had, or has lost without a snapshot: what the row knows. */
function fromRow(row: JobRow): JobEvent[] {
  const accepted: JobEvent = {
    id: `${row.id}:accepted`,
    type: 'Initialized',
    at: row.createdAt.toISOString(),
    attempt: 1,
    tries: 1,
    context: contextOf(row),
  };
  return withEnd([accepted], row);
}

/** An end that no history shows (cancelled before the start, history lost) is told from the row. */
function withEnd(events: JobEvent[], row: JobRow): JobEvent[] {
  const last = events.at(-1);
  const shown =
    events.some((event) => ENDS.has(event.type) && event.id !== last?.id) ||
    ENDS.has(last?.type ?? '');
  if (
    !isTerminal(row.state) ||
    shown ||
    !(row.runId === null || row.failure?.code === 'history_lost')
  )
    return events;
  const type = {
    succeeded: 'Succeeded',
    failed: 'Failed',
    canceled: 'Deleted',
    expired: 'Expired',
  } as const;
  return [
    ...events,
    {
      id: `${row.id}:ended`,
      type: type[row.state],
      at: (row.finishedAt ?? row.changedAt).toISOString(),
      attempt: Math.max(1, row.attempt),
      tries: 1,
      context: {
        ...contextOf(row),
        ...(row.failure
          ? { error_code: row.failure.code, error_message: row.failure.message }
          : {}),
      },
    },
  ];
}

const ENDS = new Set<string>(['Succeeded', 'Failed', 'Deleted', 'Expired']);

const contextOf = (row: JobRow): Record<string, unknown> => ({
  trace_id: row.traceId,
  job_type: row.type,
  ecosystems: row.ecosystem,
});
