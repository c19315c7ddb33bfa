/** Small histories as Temporal would give them. */
import { defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;
export type Attributes = Omit<HistoryEvent, 'eventId' | 'eventTime'>;

export const TRACE = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`;
const INPUT = { traceId: TRACE, jobType: 'textToImage', ecosystem: 'sd1' };
export const LEASE = { attempt: 1, serverId: 'gpu-a', promptId: 'prompt-1', reason: 'it is free' };

const payloads = (...values: unknown[]) => ({
  payloads: values.map((value) => defaultPayloadConverter.toPayload(value)),
});

export const applicationFailure = (type: string, message: string) => ({
  message,
  applicationFailureInfo: { type },
});

/** Numbers events from 1, one second apart. */
export const history = (...events: Attributes[]): HistoryEvent[] =>
  events.map((attributes, index) => ({
    eventId: (index + 1) as never,
    eventTime: { seconds: (1_000 + index) as never, nanos: 0 },
    ...attributes,
  }));

export const started: Attributes = {
  workflowExecutionStartedEventAttributes: { input: payloads(INPUT) },
};
export const scheduled = (name: string, activityId = name, ...input: unknown[]): Attributes => ({
  activityTaskScheduledEventAttributes: {
    ...{ activityId, activityType: { name } },
    ...(input.length > 0 ? { input: payloads(...input) } : {}),
  },
});
export const picked = (
  scheduledEventId: number,
  more: temporal.api.history.v1.IActivityTaskStartedEventAttributes = {},
): Attributes => ({
  activityTaskStartedEventAttributes: {
    scheduledEventId: scheduledEventId as never,
    attempt: 1,
    identity: 'worker-1',
    ...more,
  },
});
export const completed = (scheduledEventId: number, result: unknown): Attributes => ({
  activityTaskCompletedEventAttributes: {
    scheduledEventId: scheduledEventId as never,
    result: payloads(result),
  },
});
export const CLAIMED = [scheduled('claim'), picked(2), completed(2, LEASE)];
