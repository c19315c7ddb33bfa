import type { temporal } from '@temporalio/proto';
import type { ClaimInput } from '../activities/activity-types.ts';
import { millis } from './event-projection.ts';
import { firstPayload } from './first-payload.ts';
import { endStatusOf } from './run-history.ts';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

export interface PendingClaim {
  readonly activityId: string;
  readonly attempt: number;
  readonly scheduledAtMs: number;
}

/** The claim that an open run waits for; one whose cancel was asked for is none any more. */
export function pendingClaim(events: readonly HistoryEvent[]): PendingClaim | undefined {
  if (endStatusOf(events) !== undefined) return undefined;
  let claim: (PendingClaim & { readonly eventId: number }) | undefined;
  for (const event of events) {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled?.activityType?.name === 'claim') {
      const input = firstPayload<ClaimInput>(scheduled.input?.payloads);
      if (!input) continue;
      claim = {
        eventId: Number(event.eventId),
        activityId: scheduled.activityId ?? '',
        attempt: input.attempt,
        scheduledAtMs: millis(event.eventTime),
      };
    }
    if (claim && endsActivity(event) === claim.eventId) claim = undefined;
  }
  return claim;
}

/** The scheduled event of the activity that an event ends, or asks to cancel. */
function endsActivity(event: HistoryEvent): number | undefined {
  const ended =
    event.activityTaskCompletedEventAttributes ??
    event.activityTaskFailedEventAttributes ??
    event.activityTaskTimedOutEventAttributes ??
    event.activityTaskCanceledEventAttributes ??
    event.activityTaskCancelRequestedEventAttributes;
  return ended?.scheduledEventId ? Number(ended.scheduledEventId) : undefined;
}
