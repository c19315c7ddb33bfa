/** The body of a callback: the job event as Civitai sends it to `callbackUrl`. */
import type { JobRow } from '../../db/job-row.ts';
import type { EventType } from '../../domain/job.ts';
import { lastEvent } from './last-event.ts';
import { wireDate } from './wire-time.ts';

/** Provider of an event where no other is configured. */
const PROVIDER = 'local';

/** JSON text of the event `type` of the job as `row` says it was then. */
export function jobCallbackBody(
  row: JobRow,
  type: EventType,
  providerName: string | undefined,
): string {
  return JSON.stringify({
    ...lastEvent(row, providerName ?? PROVIDER, {}),
    type,
    dateTime: wireDate(row.finishedAt ?? row.changedAt),
    cost: row.cost,
    jobProperties: row.properties,
  });
}
