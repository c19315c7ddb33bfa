import type { temporal } from '@temporalio/proto';
import type {
  CollectResult,
  JobFailure,
  JobInput,
  Lease,
  RescuedResult,
  StoredOutput,
  TerminalState,
} from '../domain/job.ts';
import { FOUND_SIGNAL } from '../domain/naming.ts';
import type { TaskResult } from '../domain/task.ts';
import { millis } from './event-projection.ts';
import { firstPayload } from './first-payload.ts';
import { endStatusOf } from './run-history.ts';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** How a closed run ended, as the row of its job should say it. */
export interface RunOutcome {
  readonly tenant: string;
  /** W3C traceparent, and when the run began and ended; absent when its history is gone. */
  readonly run?: {
    readonly traceId: string;
    readonly startedAt: string;
    readonly endedAtMs: number;
  };
  readonly state: TerminalState;
  readonly attempt: number;
  readonly failure?: JobFailure;
  /** The pictures that the run had stored when it succeeded. */
  readonly outputs?: readonly StoredOutput[];
  /** What it did, when it was a task. */
  readonly task?: TaskResult;
}

/** Failure types with which a job ends otherwise than as failed. */
const EXPIRED = 'expired';

/**
 * Reads from a run's history what its last activity should have written: for runs that ended without it (terminated,
 * timed out), and for rows that a restored database has forgotten. Undefined while the run is open.
 */
export function outcomeOfHistory(events: readonly HistoryEvent[]): RunOutcome | undefined {
  const status = endStatusOf(events);
  if (status === undefined) return undefined;
  const { attempt, outputs, task } = resultOf(events);
  const started = events[0]?.workflowExecutionStartedEventAttributes;
  const { tenant = '', traceId = '' } = firstPayload<JobInput>(started?.input?.payloads) ?? {};
  const startedAt = new Date(millis(events[0]?.eventTime)).toISOString();
  const ran = { tenant, run: { traceId, startedAt, endedAtMs: millis(events.at(-1)?.eventTime) } };
  switch (status) {
    case 'COMPLETED':
      if (task) return { ...ran, state: 'succeeded', attempt, task };
      return outputs
        ? { ...ran, state: 'succeeded', attempt, outputs }
        : { ...ran, state: 'failed', attempt, failure: withoutOutcome(status) };
    case 'CANCELED':
      return { ...ran, state: 'canceled', attempt };
    case 'TIMED_OUT':
      return {
        ...ran,
        state: 'expired',
        attempt,
        failure: { code: 'timed_out', message: 'The run timed out in Temporal.' },
      };
    case 'TERMINATED':
      return {
        ...ran,
        state: 'failed',
        attempt,
        failure: {
          code: 'terminated',
          message:
            'The run was terminated in Temporal. Submit the job again if it is still wanted.',
        },
      };
    default: {
      const thrown = events.at(-1)?.workflowExecutionFailedEventAttributes?.failure;
      const code = thrown?.applicationFailureInfo?.type;
      const failure = code ? { code, message: thrown?.message ?? '' } : withoutOutcome(status);
      return { ...ran, state: code === EXPIRED ? 'expired' : 'failed', attempt, failure };
    }
  }
}

const withoutOutcome = (status: string): JobFailure => ({
  code: 'internal',
  message: `The run ended as ${status} without writing its outcome.`,
});

/** The newest attempt, and what was stored for the job: by its last collect, or found of an attempt given up before. */
function resultOf(events: readonly HistoryEvent[]): {
  readonly attempt: number;
  readonly outputs?: readonly StoredOutput[];
  readonly task?: TaskResult;
} {
  const names = new Map<number, string>();
  let attempt = 1;
  let outputs: readonly StoredOutput[] | undefined;
  let task: TaskResult | undefined;
  for (const event of events) {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) names.set(Number(event.eventId), scheduled.activityType?.name ?? '');
    const completed = event.activityTaskCompletedEventAttributes;
    const name = names.get(Number(completed?.scheduledEventId));
    if (name === 'claim')
      attempt = firstPayload<Lease>(completed?.result?.payloads)?.attempt ?? attempt;
    if (name === 'collect')
      outputs = firstPayload<CollectResult>(completed?.result?.payloads)?.outputs;
    if (name === 'runTask') task = firstPayload<TaskResult>(completed?.result?.payloads);
    const signaled = event.workflowExecutionSignaledEventAttributes;
    if (signaled?.signalName === FOUND_SIGNAL)
      outputs ??= firstPayload<RescuedResult>(signaled.input?.payloads)?.outputs;
  }
  return { attempt, ...(outputs ? { outputs } : {}), ...(task ? { task } : {}) };
}
