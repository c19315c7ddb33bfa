import type { Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { jobWorkflowId } from '../domain/naming.ts';
import { isNotFound } from './temporal.ts';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;
type PendingActivity = temporal.api.workflow.v1.IPendingActivityInfo;

export interface RunHistory {
  readonly runId: string;
  readonly status: string;
  readonly events: readonly HistoryEvent[];
  readonly pending: readonly PendingActivity[];
  /** The run that a reset made this one from. */
  readonly resetFrom?: RunHistory;
}

/**
 * A run as Temporal has it, or undefined when Temporal does not know it (any more). The description is read before the
 * history of exactly that run, so that an activity which closes in between is in the history and never in neither.
 * Without a run id: the newest run, with those it was reset from as far as Temporal has them.
 */
export async function readRunHistory(
  client: Client,
  jobId: string,
  runId?: string,
): Promise<RunHistory | undefined> {
  const workflowId = jobWorkflowId(jobId);
  try {
    return await client.connection.withDeadline(Date.now() + 10_000, async () => {
      const described = await client.workflow.getHandle(workflowId, runId).describe();
      const newest = runId === undefined;
      const events = await readPages(client, workflowId, described.runId);
      return {
        runId: described.runId,
        status: described.status.name,
        events,
        pending: described.raw.pendingActivities ?? [],
        ...(newest ? await readResetFrom(client, jobId, events) : {}),
      };
    });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** The events of exactly that run, or undefined when Temporal does not know it (any more). */
export async function readRunEvents(
  client: Client,
  jobId: string,
  runId: string,
): Promise<readonly HistoryEvent[] | undefined> {
  try {
    return await client.connection.withDeadline(Date.now() + 10_000, () =>
      readPages(client, jobWorkflowId(jobId), runId),
    );
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** How a run ended, in the words of its status, by its last event; undefined while it is open. */
export function endStatusOf(events: readonly HistoryEvent[]): string | undefined {
  const last = events.at(-1);
  if (last?.workflowExecutionCompletedEventAttributes) return 'COMPLETED';
  if (last?.workflowExecutionFailedEventAttributes) return 'FAILED';
  if (last?.workflowExecutionTimedOutEventAttributes) return 'TIMED_OUT';
  if (last?.workflowExecutionCanceledEventAttributes) return 'CANCELED';
  if (last?.workflowExecutionTerminatedEventAttributes) return 'TERMINATED';
  return undefined;
}

async function readPages(
  client: Client,
  workflowId: string,
  runId: string,
): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  let nextPageToken: Uint8Array | undefined;
  do {
    const page = await client.workflowService.getWorkflowExecutionHistory({
      namespace: client.options.namespace,
      execution: { workflowId, runId },
      ...(nextPageToken ? { nextPageToken } : {}),
    });
    events.push(...(page.history?.events ?? []));
    nextPageToken = page.nextPageToken?.length ? page.nextPageToken : undefined;
  } while (nextPageToken);
  return events;
}

async function readResetFrom(
  client: Client,
  jobId: string,
  events: readonly HistoryEvent[],
): Promise<Pick<RunHistory, 'resetFrom'>> {
  const baseRunId = events
    .map(({ workflowTaskFailedEventAttributes }) => workflowTaskFailedEventAttributes?.baseRunId)
    .findLast(Boolean);
  const base = baseRunId ? await readRunHistory(client, jobId, baseRunId) : undefined;
  if (!base) return {};
  return { resetFrom: { ...base, ...(await readResetFrom(client, jobId, base.events)) } };
}
