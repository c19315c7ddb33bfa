/** `DELETE /v1/consumer/jobs`, by token and by id. */
import { z } from '@hono/zod-openapi';
import { jobStatus, JobStatus } from '../contract/v1/job-status.ts';
import { decodeToken } from '../contract/v1/token.ts';
import { OrchestratorError } from '../errors.ts';
import type { ApiDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { JOB_PATH, JOBS_PATH, JOBS_TAG, type JobAnswers } from './job-answers.ts';
import { collection, detailed, force, JobParams, token } from './job-params.ts';

/** Endpoints that cancel jobs. */
export const cancelEndpoints = (
  { orchestrator }: ApiDeps,
  answers: JobAnswers,
): readonly Endpoint[] => [
  endpoint({
    method: 'delete',
    path: JOBS_PATH,
    access: 'tenant',
    scope: 'jobs:write',
    tag: JOBS_TAG,
    summary: 'Cancel jobs by token',
    query: z.object({ token, force, detailed }),
    responses: {
      200: { ...collection, description: 'The jobs; those that had ended stay as they are' },
    },
    errors: [400, 404],
    async handle(c, { query, caller }) {
      const selector = decodeToken(query.token);
      const rows = await orchestrator.cancel(caller, selector, query.force);
      return answers.collection(c, rows, query.detailed, 200, selector);
    },
  }),

  endpoint({
    method: 'delete',
    path: JOB_PATH,
    access: 'tenant',
    scope: 'jobs:write',
    tag: JOBS_TAG,
    summary: 'Cancel a job',
    params: JobParams,
    query: z.object({ force, detailed }),
    responses: {
      200: { description: 'The job; if it had ended it stays as it is', schema: JobStatus },
    },
    errors: [400, 404],
    async handle(c, { params, query, caller }) {
      const [row] = await orchestrator.cancel(caller, { ids: [params.jobId] }, query.force);
      if (!row) throw new OrchestratorError('not_found', `There is no job ${params.jobId}.`);
      return c.json(jobStatus(row, await answers.options(c, [row], query.detailed)));
    },
  }),
];
