/** `POST /v1/consumer/jobs/query` */
import { z } from '@hono/zod-openapi';
import {
  comparableJobType,
  QueryJobsRequest,
  QueryJobsResult,
} from '../contract/v1/job-listings.ts';
import { jobStatuses } from '../contract/v1/job-status.ts';
import type { JobFilter, JobPlace } from '../db/job-listings.ts';
import { digestOf, requireCursor } from './cursors.ts';
import type { ApiDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { JOBS_PATH, JOBS_TAG, type JobAnswers } from './job-answers.ts';
import { detailed } from './job-params.ts';

const PAGE = 100;
const Place = z.tuple([z.number(), z.guid(), z.int()]);

/** Endpoint that finds jobs by their properties. */
export function queryEndpoint(deps: ApiDeps, answers: JobAnswers): Endpoint {
  const { cursors, listings } = deps;
  return endpoint({
    method: 'post',
    path: `${JOBS_PATH}/query`,
    access: 'tenant',
    scope: 'jobs:read',
    tag: JOBS_TAG,
    summary: 'Find jobs by their properties',
    description: `Newest first, ${PAGE} a page. A job is found when its own \`properties\` contain the given ones, nested values too; jobs submitted meanwhile do not disturb the pages.`,
    query: z.object({ detailed }),
    body: { schema: QueryJobsRequest },
    responses: { 200: { description: 'A page', schema: QueryJobsResult } },
    errors: [400, 413, 415],
    async handle(c, { query, body, caller: { tenant } }) {
      const filter: JobFilter = {
        properties: body.properties ?? {},
        ...(typeof body.jobType === 'string' ? { type: comparableJobType(body.jobType) } : {}),
      };
      const purpose = `query ${tenant} ${digestOf(filter)}`;
      const after = requireCursor(cursors, purpose, body.cursor, Place, placeOf);
      // One more than a page says whether there is another.
      const found = await listings.queryJobs(tenant, filter, after, PAGE + 1);
      const rows = found.slice(0, PAGE);
      const last = found.length > PAGE ? rows.at(-1) : undefined;
      const result: QueryJobsResult = {
        cursor: last
          ? cursors.sign(purpose, [last.createdAt.getTime(), last.batchId, last.position])
          : null,
        jobs: jobStatuses(rows, await answers.options(c, rows, query.detailed)),
      };
      return c.json(result);
    },
  });
}

const placeOf = ([createdAt, batchId, position]: z.infer<typeof Place>): JobPlace => ({
  createdAt: new Date(createdAt),
  batchId,
  position,
});
