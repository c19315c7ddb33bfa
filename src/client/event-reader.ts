import type { JobRow } from '../db/job-row.ts';
import type { SnapshotStore } from '../db/snapshots.ts';
import { isTerminal, type TerminalState } from '../domain/job.ts';
import { taintContext } from '../domain/taint.ts';
import { OrchestratorError } from '../errors.ts';
import { projectEvents } from './event-projection.ts';
import type { RunHistory } from './run-history.ts';
import type { JobEvent } from './verbs.ts';

export interface EventReaderDeps {
  readonly snapshots: Pick<SnapshotStore, 'listSnapshots'>;
  readonly readHistory: (jobId: string) => Promise<RunHistory | undefined>;
}

export type EventReader = ReturnType<typeof createEventReader>;

/**
 * A job's events: its acceptance from the row, earlier runs from their snapshots, the newest from Temporal, or from its
 * snapshot once that is gone. Whatever moves between these sources, an event once shown stays.
 */
export function createEventReader({ snapshots, readHistory }: EventReaderDeps) {
  return {
    /** Throws `unavailable` when Temporal cannot be asked and there is no snapshot of the job's run either. */
    async listEvents(row: JobRow): Promise<JobEvent[]> {
      const [history, error] = await readHistory(row.id).then(
        (found) => [found, undefined] as const,
        (thrown: unknown) => [undefined, thrown] as const,
      );
      // Read after the history: a run that closes and is deleted in between has left its snapshot by then.
      const kept = await snapshots.listSnapshots(row.id);
      if (error !== undefined && !kept.some(({ runId }) => runId === row.runId))
        throw new OrchestratorError(
          'unavailable',
          'Temporal cannot be asked for the events right now. Try again in a few seconds.',
          { retryable: true, retryAfterSeconds: 5, cause: error },
        );
      const living = history ? runsOf(history) : [];
      const known = new Set(living.map((run) => run.runId));
      const events = [
        ...kept.filter((snapshot) => !known.has(snapshot.runId)).map((snapshot) => snapshot.events),
        ...living.map((run) => projectEvents(run.runId, run.events, run.pending)),
      ].flat();
      // The start of a run is told by the row, which has it before Temporal and keeps it after.
      const ofRuns = events.filter((event) => event.type !== 'Initialized');
      return withTaint(row, [accepted(row), ...ofRuns, ...unseenEnd(row, events)]);
    },
  };
}

/** A run after those it was reset from. */
const runsOf = (run: RunHistory): RunHistory[] => [
  ...(run.resetFrom ? runsOf(run.resetFrom) : []),
  run,
];

const accepted = (row: JobRow): JobEvent => ({
  id: `${row.id}:accepted`,
  type: 'Initialized',
  at: row.createdAt.toISOString(),
  attempt: 1,
  tries: 1,
  context: contextOf(row),
});

/** An end that no history shows (cancelled before the start, history lost) is told from the row. */
function unseenEnd(row: JobRow, events: readonly JobEvent[]): JobEvent[] {
  const seen = events.some((event) => event.id.startsWith(`${row.runId}:`));
  if (!isTerminal(row.state) || (seen && row.failure?.code !== 'history_lost')) return [];
  return [
    {
      id: `${row.id}:ended`,
      type: END_OF[row.state],
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

/** The taint stands where it came in time; no run knows of it. */
function withTaint(row: JobRow, events: readonly JobEvent[]): JobEvent[] {
  const { taint } = row;
  if (!taint) return [...events];
  const tainted: JobEvent = {
    id: `${row.id}:tainted`,
    type: 'Updated',
    at: taint.at,
    attempt: Math.max(1, row.attempt),
    tries: 1,
    context: { ...contextOf(row), ...taintContext(taint) },
  };
  const next = events.findIndex(({ at }) => Date.parse(at) > Date.parse(taint.at));
  const place = next === -1 ? events.length : next;
  return [...events.slice(0, place), tainted, ...events.slice(place)];
}

const END_OF = {
  succeeded: 'Succeeded',
  failed: 'Failed',
  canceled: 'Deleted',
  expired: 'Expired',
} as const satisfies Record<TerminalState, JobEvent['type']>;

const contextOf = (row: JobRow): Record<string, unknown> => ({
  trace_id: row.traceId,
  job_type: row.type,
  ecosystems: row.ecosystem,
});
