/** `PUT /v1/consumer/jobs`, by token and by id: the result is not to be used again. */
import { z } from '@hono/zod-openapi';
import type { Caller, JobSelector } from '../client/verbs.ts';
import { TaintRequest, TaintResult } from '../contract/v1/job-listings.ts';
import { MAX_PROPERTIES_LENGTH } from '../contract/v1/job-properties.ts';
import { jobStatus, JobStatus } from '../contract/v1/job-status.ts';
import { decodeToken } from '../contract/v1/token.ts';
import { OrchestratorError } from '../errors.ts';
import type { ApiDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { JOB_PATH, JOBS_PATH, JOBS_TAG, type JobAnswers } from './job-answers.ts';
import { detailed, JobParams, token } from './job-params.ts';

const DESCRIPTION =
  'The first taint of a job counts, a repeat changes nothing; `properties` are merged into those of the jobs each time. A tainted job shows `tainted` and the reason in the context of its last event and has an event of its own; its pictures are served with `Cache-Control: no-store`.';

/** Endpoints that taint jobs. */
export function taintEndpoints(
  { orchestrator }: ApiDeps,
  answers: JobAnswers,
): readonly Endpoint[] {
  const taint = async (
    caller: Caller,
    selector: JobSelector,
    { reason, context, properties }: TaintRequest,
  ): Promise<number> => {
    const rows = await orchestrator.getJobs(caller, selector);
    for (const row of properties ? rows : []) requireSize({ ...row.properties, ...properties });
    return orchestrator.taint(
      caller,
      rows.map(({ id }) => id),
      {
        ...(typeof reason === 'string' ? { reason } : {}),
        ...(context ? { context } : {}),
        ...(properties ? { properties } : {}),
      },
    );
  };

  return [
    endpoint({
      method: 'put',
      path: JOBS_PATH,
      access: 'tenant',
      scope: 'jobs:write',
      tag: JOBS_TAG,
      summary: 'Taint jobs by token',
      description: DESCRIPTION,
      query: z.object({ token }),
      body: { schema: TaintRequest },
      responses: { 200: { description: 'How many are tainted now', schema: TaintResult } },
      errors: [400, 404, 413, 415],
      async handle(c, { query, body, caller }) {
        return c.json({ jobs: await taint(caller, decodeToken(query.token), body) });
      },
    }),

    endpoint({
      method: 'put',
      path: JOB_PATH,
      access: 'tenant',
      scope: 'jobs:write',
      tag: JOBS_TAG,
      summary: 'Taint a job',
      description: DESCRIPTION,
      params: JobParams,
      query: z.object({ detailed }),
      body: { schema: TaintRequest },
      responses: { 200: { description: 'The job', schema: JobStatus } },
      errors: [400, 404, 413, 415],
      async handle(c, { params, query, body, caller }) {
        await taint(caller, { ids: [params.jobId] }, body);
        const row = await orchestrator.getJob(caller, params.jobId);
        return c.json(jobStatus(row, await answers.options(c, [row], query.detailed)));
      },
    }),
  ];
}

function requireSize(properties: Readonly<Record<string, unknown>>): void {
  const { length } = JSON.stringify(properties);
  if (length <= MAX_PROPERTIES_LENGTH) return;
  const message = `with those that are there already these are ${length} characters of JSON; at most ${MAX_PROPERTIES_LENGTH}`;
  throw new OrchestratorError('invalid_request', `properties: ${message}. Send fewer.`, {
    fields: [{ path: 'properties', message }],
  });
}
