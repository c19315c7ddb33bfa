import type { Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** Where the time of one run went: name of the span → milliseconds, in order. */
export type Spans = ReadonlyMap<string, number>;

/** Times of a run at its client, in milliseconds since the epoch. */
export interface ClientTimes {
  readonly workflowId: string;
  readonly calledAtMs: number;
  readonly answeredAtMs: number;
}

const timeOf = (event: HistoryEvent | undefined): number =>
  Number(event?.eventTime?.seconds ?? Number.NaN) * 1_000 + (event?.eventTime?.nanos ?? 0) / 1e6;

/**
 * Splits a run of sequential activities at the times in its history: for each activity until a worker has it, its
 * work, and until the workflow has taken the next step.
 */
export async function readSpans(client: Client, times: ClientTimes): Promise<Spans> {
  const { events } = await client.workflow.getHandle(times.workflowId).fetchHistory();
  const all = events ?? [];
  const spans = new Map<string, number>();
  let since = timeOf(all[0]);
  spans.set('call → run exists', since - times.calledAtMs);
  const until = (name: string, event: HistoryEvent): void => {
    const at = timeOf(event);
    spans.set(name, at - since);
    since = at;
  };
  const names = new Map<string, string>();
  for (const event of all) {
    const { activityTaskScheduledEventAttributes: scheduled } = event;
    const started = event.activityTaskStartedEventAttributes;
    const completed = event.activityTaskCompletedEventAttributes;
    const nameOf = (id: unknown): string => names.get(String(id)) ?? '?';
    if (scheduled) {
      const name = scheduled.activityType?.name ?? '?';
      names.set(String(event.eventId), name);
      until(`workflow task before ${name}`, event);
    } else if (started) until(`${nameOf(started.scheduledEventId)}: hand-over`, event);
    else if (completed) until(`${nameOf(completed.scheduledEventId)}: work`, event);
    else if (event.workflowExecutionCompletedEventAttributes) until('last workflow task', event);
  }
  spans.set('run ended → client has it', times.answeredAtMs - since);
  return spans;
}
