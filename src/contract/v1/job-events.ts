/** `GET /v1/consumer/jobs/{jobId}/events`: ours, read from Temporal's history. */
import { z } from '@hono/zod-openapi';
import type { JobEvent as DomainEvent } from '../../client/verbs.ts';
import { EVENT_TYPES, STAGE_EVENTS } from '../../domain/job.ts';

const JobEvent = z
  .object({
    id: z.string().openapi({ description: '`<runId>:<eventId>` of the history' }),
    jobId: z.guid(),
    type: z.enum(EVENT_TYPES),
    stage: z.enum(Object.values(STAGE_EVENTS)).optional(),
    dateTime: z.string().openapi({ example: '2025-09-06T18:18:42.788Z' }),
    attempt: z.int().openapi({ description: 'Attempt on a server; 0 before the first' }),
    tries: z.int().openapi({ description: "Temporal's tries of this stage, 1 for the first" }),
    worker: z.string().optional(),
    serverId: z.string().optional(),
    context: z.record(z.string(), z.unknown()).openapi({
      description: 'comfy_prompt_request, comfy_prompt_response, trace_id, measured durations …',
    }),
  })
  .openapi('JobEvent');

export const JobEventList = z
  .object({ jobId: z.guid(), events: z.array(JobEvent) })
  .openapi('JobEventList');
export type JobEventList = z.infer<typeof JobEventList>;

/** An event's context as clients see it: a graph that is too large for a history as a signed link to its file. */
export function linkedContext(
  context: DomainEvent['context'],
  blobUrl: (blobKey: string) => { readonly url: string },
): Record<string, unknown> {
  const { comfy_prompt_request_blob: blobKey, ...rest } = context;
  if (typeof blobKey !== 'string') return { ...context };
  return { ...rest, comfy_prompt_request: blobUrl(blobKey).url };
}

/** Events on the wire, oldest first. */
export function jobEventList(
  jobId: string,
  events: readonly DomainEvent[],
  blobUrl: (blobKey: string) => { readonly url: string },
): JobEventList {
  return {
    jobId,
    events: events.map((event) => ({
      id: event.id,
      jobId,
      type: event.type,
      ...(event.stage === undefined ? {} : { stage: event.stage }),
      dateTime: event.at,
      attempt: event.attempt,
      tries: event.tries,
      ...(event.worker === undefined ? {} : { worker: event.worker }),
      ...(event.serverId === undefined ? {} : { serverId: event.serverId }),
      context: linkedContext(event.context, blobUrl),
    })),
  };
}
