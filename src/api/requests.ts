/** `GET /v1/consumer/requests` */
import { z } from '@hono/zod-openapi';
import { queryInteger } from '../contract/query-values.ts';
import { QueryRequestsResult } from '../contract/v1/job-listings.ts';
import { jobStatuses } from '../contract/v1/job-status.ts';
import { wireDate } from '../contract/v1/wire-time.ts';
import type { RequestPlace } from '../db/job-listings.ts';
import { requireCursor } from './cursors.ts';
import type { ApiDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import type { JobAnswers } from './job-answers.ts';

const MOST_JOBS = 1_000;
const Place = z.tuple([z.number(), z.guid()]);

/** Endpoint that lists a tenant's requests. */
export function requestsEndpoint({ cursors, listings }: ApiDeps, answers: JobAnswers): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/consumer/requests',
    access: 'tenant',
    scope: 'jobs:read',
    tag: 'Account (v1)',
    summary: 'List your requests with their jobs',
    description: `Newest first; what one POST made is one request. A page ends early before it has more than ${MOST_JOBS} jobs.`,
    query: z.object({
      cursor: z.string().max(2_000).optional().openapi({
        description:
          'The `cursor` of the page before: its `nextId`, or the whole object as JSON; absent for the first page',
      }),
      take: queryInteger(1, 100, 20, 'Requests a page'),
    }),
    responses: { 200: { description: 'A page', schema: QueryRequestsResult } },
    errors: [400],
    async handle(c, { query, caller: { tenant } }) {
      const purpose = `requests ${tenant}`;
      const cursor = query.cursor === undefined ? undefined : nextIdOf(query.cursor);
      const after = requireCursor(cursors, purpose, cursor, Place, placeOf);
      const page = await listings.listRequests(tenant, after, query.take, MOST_JOBS);
      const { requests } = page;
      const last = page.hasMore ? requests.at(-1) : undefined;
      const rows = requests.flatMap(({ jobs }) => jobs);
      const statuses = jobStatuses(rows, await answers.options(c, rows, true));
      const statusOf = new Map(statuses.map((status) => [status.jobId, status]));
      const result: QueryRequestsResult = {
        cursor: last
          ? {
              nextDateTime: wireDate(last.createdAt),
              nextId: cursors.sign(purpose, [last.createdAt.getTime(), last.batchId]),
            }
          : null,
        requests: requests.map(({ createdAt, jobs }) => ({
          dateTime: wireDate(createdAt),
          jobs: jobs.flatMap((row) => {
            const { job, lastEvent } = statusOf.get(row.id) ?? {};
            return job && lastEvent ? [{ job, lastEvent }] : [];
          }),
        })),
      };
      return c.json(result);
    },
  });
}

const placeOf = ([createdAt, batchId]: z.infer<typeof Place>): RequestPlace => ({
  createdAt: new Date(createdAt),
  batchId,
});

/** `nextId` of a whole cursor; anything else as it is. */
function nextIdOf(text: string): string {
  if (!text.startsWith('{')) return text;
  try {
    const { nextId } = JSON.parse(text) as { nextId?: unknown };
    return typeof nextId === 'string' ? nextId : text;
  } catch {
    return text;
  }
}
