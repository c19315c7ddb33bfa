import { defaultPayloadConverter, defaultFailureConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import type {
  CollectResult,
  JobInput,
  Lease,
  PreparedPrompt,
  SubmitReceipt,
} from '../domain/job.ts';
import { STAGE_EVENTS, type EventType } from '../domain/job.ts';
import type { TaskResult } from '../domain/task.ts';
import type { JobEvent } from './verbs.ts';
import { firstPayload } from './first-payload.ts';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;
type PendingActivity = temporal.api.workflow.v1.IPendingActivityInfo;
type Payload = temporal.api.common.v1.IPayload;
type Failure = temporal.api.failure.v1.IFailure;
type Timestamp = { seconds?: unknown; nanos?: number | null } | null | undefined;

interface Scheduled {
  readonly id: number;
  readonly activityId: string;
  readonly activity: string;
  readonly atMs: number;
}

interface Started {
  readonly tries: number;
  readonly worker: string | undefined;
  readonly atMs: number;
  readonly lastFailure: Failure | null | undefined;
}

/**
 * A run's history as job events, oldest first; `pending` adds the activities that are being tried again, which histories
 * do not show. Ids are stable, so an event once shown stays: a pending retry keeps its id (that of the scheduling)
 * when its activity closes or its run ends.
 */
export function projectEvents(
  runId: string,
  history: readonly HistoryEvent[],
  pending: readonly PendingActivity[] = [],
): JobEvent[] {
  const events: JobEvent[] = [];
  const scheduled = new Map<number, Scheduled>();
  const started = new Map<number, Started>();
  let input: JobInput | undefined;
  let lease: Lease | undefined;

  const add = (
    id: number,
    atMs: number,
    type: EventType,
    context: Record<string, unknown>,
    extra: Partial<Pick<JobEvent, 'stage' | 'tries' | 'worker'>> = {},
  ): void => {
    events.push({
      id: `${runId}:${id}`,
      type,
      at: new Date(atMs).toISOString(),
      attempt: lease?.attempt ?? 1,
      tries: extra.tries ?? 1,
      ...(extra.stage ? { stage: extra.stage } : {}),
      ...(extra.worker ? { worker: extra.worker } : {}),
      ...(lease ? { serverId: lease.serverId } : {}),
      context: {
        ...context,
        ...(input
          ? { trace_id: input.traceId, job_type: input.jobType, ecosystems: input.ecosystem }
          : {}),
      },
    });
  };

  const retried = (
    activity: Scheduled,
    tries: number,
    atMs: number,
    failure: Failure | null | undefined,
    worker: string | undefined,
  ): void =>
    add(
      activity.id,
      atMs,
      'Updated',
      { stage: activity.activity, retried: true, ...failureContext(failure) },
      { tries, ...(worker ? { worker } : {}) },
    );

  for (const event of history) {
    const id = Number(event.eventId);
    const atMs = millis(event.eventTime);
    if (event.workflowExecutionStartedEventAttributes) {
      input = firstPayload<JobInput>(event.workflowExecutionStartedEventAttributes.input?.payloads);
      add(id, atMs, 'Initialized', {});
    } else if (event.activityTaskScheduledEventAttributes) {
      const attributes = event.activityTaskScheduledEventAttributes;
      scheduled.set(id, {
        id,
        activityId: attributes.activityId ?? '',
        activity: attributes.activityType?.name ?? '',
        atMs,
      });
    } else if (event.activityTaskStartedEventAttributes) {
      const attributes = event.activityTaskStartedEventAttributes;
      started.set(Number(attributes.scheduledEventId), {
        tries: attributes.attempt ?? 1,
        worker: attributes.identity ?? undefined,
        atMs,
        lastFailure: attributes.lastFailure,
      });
      // A job that needs no server is claimed by the worker that does it.
      if (scheduled.get(Number(attributes.scheduledEventId))?.activity === 'runTask')
        add(id, atMs, 'Claimed', {}, { worker: attributes.identity ?? '' });
    } else {
      const closed =
        event.activityTaskCompletedEventAttributes ??
        event.activityTaskFailedEventAttributes ??
        event.activityTaskTimedOutEventAttributes ??
        event.activityTaskCanceledEventAttributes;
      const activity = scheduled.get(Number(closed?.scheduledEventId));
      if (closed && activity) {
        const start = started.get(activity.id);
        if (start && start.tries > 1)
          retried(activity, start.tries, start.atMs, start.lastFailure, start.worker);
        const extra = {
          tries: start?.tries ?? 1,
          ...(start?.worker ? { worker: start.worker } : {}),
        };
        const timing = {
          queued_ms: start ? Math.max(0, start.atMs - activity.atMs) : atMs - activity.atMs,
          duration_ms: start ? Math.max(0, atMs - start.atMs) : 0,
        };
        if (event.activityTaskCompletedEventAttributes) {
          const payloads = event.activityTaskCompletedEventAttributes.result?.payloads;
          if (activity.activity === 'claim') lease = firstPayload<Lease>(payloads) ?? lease;
          const context = { ...completedContext(activity.activity, payloads), ...timing };
          const stage = STAGE_EVENTS[activity.activity as keyof typeof STAGE_EVENTS] as
            JobEvent['stage'] | undefined;
          add(id, atMs, activity.activity === 'claim' ? 'Claimed' : 'Updated', context, {
            ...extra,
            ...(stage ? { stage } : {}),
          });
        } else {
          add(
            // Closed between two tries: no try is in the history, and the id may have been shown as a pending retry.
            start ? id : activity.id,
            atMs,
            'Updated',
            {
              stage: activity.activity,
              outcome: outcomeOf(event),
              ...failureContext('failure' in closed ? closed.failure : undefined),
              ...timing,
            },
            extra,
          );
        }
        scheduled.delete(activity.id);
      } else {
        if (isEnd(event))
          for (const open of scheduled.values())
            add(open.id, atMs, 'Updated', { stage: open.activity, outcome: 'left open' });
        addOther(event, id, atMs, add);
      }
    }
  }

  for (const open of pending) {
    const activity = [...scheduled.values()].find((one) => one.activityId === open.activityId);
    if (activity && (open.attempt ?? 1) > 1)
      retried(
        activity,
        open.attempt ?? 1,
        millis(open.lastStartedTime) || activity.atMs,
        open.lastFailure,
        open.lastWorkerIdentity ?? undefined,
      );
  }
  return events;
}

const isEnd = (event: HistoryEvent): boolean =>
  Boolean(
    event.workflowExecutionCompletedEventAttributes ??
    event.workflowExecutionFailedEventAttributes ??
    event.workflowExecutionCanceledEventAttributes ??
    event.workflowExecutionTerminatedEventAttributes ??
    event.workflowExecutionTimedOutEventAttributes,
  );

type Add = (id: number, atMs: number, type: EventType, context: Record<string, unknown>) => void;

function addOther(event: HistoryEvent, id: number, atMs: number, add: Add): void {
  if (event.workflowExecutionCompletedEventAttributes) add(id, atMs, 'Succeeded', {});
  else if (event.workflowExecutionFailedEventAttributes) {
    const context = failureContext(event.workflowExecutionFailedEventAttributes.failure);
    add(id, atMs, context['error_code'] === 'expired' ? 'Expired' : 'Failed', context);
  } else if (event.workflowExecutionCanceledEventAttributes) add(id, atMs, 'Deleted', {});
  else if (event.workflowExecutionTerminatedEventAttributes)
    add(id, atMs, 'Failed', {
      error_code: 'terminated',
      error_message: event.workflowExecutionTerminatedEventAttributes.reason ?? '',
    });
  else if (event.workflowExecutionTimedOutEventAttributes) add(id, atMs, 'Expired', {});
  else if (event.workflowExecutionCancelRequestedEventAttributes)
    add(id, atMs, 'Updated', { cancel_requested: true });
  else if (event.workflowExecutionSignaledEventAttributes)
    add(id, atMs, 'Updated', {
      signal: event.workflowExecutionSignaledEventAttributes.signalName ?? '',
    });
}

function completedContext(
  activity: string,
  payloads: Payload[] | null | undefined,
): Record<string, unknown> {
  switch (activity) {
    case 'claim': {
      const lease = firstPayload<Lease>(payloads);
      return { stage: 'claim', prompt_id: lease?.promptId, placement: lease?.reason };
    }
    case 'prepare': {
      const graph = firstPayload<PreparedPrompt>(payloads)?.graph;
      return {
        stage: 'prepare',
        ...(graph && 'text' in graph
          ? { comfy_prompt_request: graph.text }
          : { comfy_prompt_request_blob: graph?.blobKey }),
      };
    }
    case 'submit': {
      const receipt = firstPayload<SubmitReceipt>(payloads);
      return {
        stage: 'submit',
        prompt_id: receipt?.promptId,
        comfy_prompt_response: receipt?.response,
        reattached: receipt?.reattached,
      };
    }
    case 'collect': {
      const result = firstPayload<CollectResult>(payloads);
      return {
        stage: 'collect',
        comfy_queued_ms: result?.queuedMs,
        comfy_execution_ms: result?.executionMs,
        store_ms: result?.storeMs,
        cached_nodes: result?.cachedNodes,
        outputs: result?.outputs.map(({ bytes, sha256, contentType }) => ({
          bytes,
          sha256,
          contentType,
        })),
      };
    }
    case 'runTask': {
      const { blobs = [], servers } = firstPayload<TaskResult>(payloads) ?? {};
      return { stage: 'task', blobs: blobs.map(({ key }) => key), ...(servers ? { servers } : {}) };
    }
    default:
      return { stage: activity };
  }
}

function outcomeOf(event: HistoryEvent): string {
  if (event.activityTaskTimedOutEventAttributes) return 'timed out';
  return event.activityTaskCanceledEventAttributes ? 'canceled' : 'failed';
}

function failureContext(failure: Failure | null | undefined): Record<string, unknown> {
  if (!failure) return {};
  let inner = failure;
  while (inner.cause && !inner.applicationFailureInfo) inner = inner.cause;
  const error = defaultFailureConverter.failureToError(inner, defaultPayloadConverter);
  return {
    error_code: inner.applicationFailureInfo?.type ?? error.name,
    error_message: inner.message ?? '',
  };
}

/** Milliseconds since 1970; 0 for none. */
export const millis = (time: Timestamp): number =>
  time ? Number(time.seconds ?? 0) * 1_000 + Math.floor((time.nanos ?? 0) / 1e6) : 0;
