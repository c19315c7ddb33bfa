/** Reads of `/v1/consumer/jobs`: by token, by id, and the events of a job. */
import { setTimeout } from 'node:timers/promises';
import { z } from '@hono/zod-openapi';
import type { Caller } from '../client/verbs.ts';
import { JobEventList, jobEventList, linkedContext } from '../contract/v1/job-events.ts';
import { jobStatus, JobStatus } from '../contract/v1/job-status.ts';
import { decodeToken } from '../contract/v1/token.ts';
import { messageOf } from '../errors.ts';
import type { ApiDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { JOB_PATH, JOBS_PATH, JOBS_TAG, statusOf, type JobAnswers } from './job-answers.ts';
import { collection, detailed, JobParams, token, wait } from './job-params.ts';

/** A detailed status waits this long for the events of its stages. */
const STAGE_CONTEXT_MS = 1_000;

/** Endpoints that read jobs. */
export function readEndpoints(deps: ApiDeps, answers: JobAnswers): readonly Endpoint[] {
  const { orchestrator } = deps;

  /** What the stages reported, newest last; the status is complete without it, so Temporal may be away. */
  const stageContext = async (caller: Caller, jobId: string): Promise<Record<string, unknown>> => {
    const events = orchestrator.listEvents(caller, jobId).catch((error: unknown) => {
      deps.logger.warn({ jobId, error: messageOf(error) }, 'detailed status without stage context');
      return [];
    });
    const timer = new AbortController();
    const late = setTimeout(STAGE_CONTEXT_MS, [], { signal: timer.signal }).catch(() => []);
    const known = await Promise.race([events, late]);
    timer.abort();
    return Object.assign({}, ...known.map((event) => event.context)) as Record<string, unknown>;
  };

  return [
    endpoint({
      method: 'get',
      path: JOBS_PATH,
      access: 'tenant',
      scope: 'jobs:read',
      tag: JOBS_TAG,
      summary: 'Read jobs by token',
      query: z.object({ token, wait, detailed }),
      responses: { 200: collection, 202: { ...collection, description: 'Waited in vain' } },
      errors: [400, 404],
      async handle(c, { query, caller }) {
        const selector = decodeToken(query.token);
        const known = await orchestrator.getJobs(caller, selector);
        const rows = query.wait ? await answers.waited(c, caller, known) : known;
        const status = query.wait ? statusOf(rows) : 200;
        return answers.collection(c, rows, query.detailed, status, selector);
      },
    }),

    endpoint({
      method: 'get',
      path: JOB_PATH,
      access: 'tenant',
      scope: 'jobs:read',
      tag: JOBS_TAG,
      summary: 'Read a job',
      description:
        'Short, read from the database alone. With detailed=true: also the job as it was accepted and, in the context of the last event, what the stages reported (`comfy_prompt_request` …).',
      params: JobParams,
      query: z.object({ detailed }),
      responses: { 200: { description: 'The job', schema: JobStatus } },
      errors: [400, 404],
      async handle(c, { params, query, caller }) {
        const row = await orchestrator.getJob(caller, params.jobId);
        const reported = query.detailed ? await stageContext(caller, params.jobId) : {};
        const context = linkedContext(reported, answers.linksFor(c));
        const shown = await answers.options(c, [row], query.detailed);
        return c.json(jobStatus(row, { ...shown, context }));
      },
    }),

    endpoint({
      method: 'get',
      path: `${JOB_PATH}/events`,
      access: 'tenant',
      scope: 'jobs:read',
      tag: JOBS_TAG,
      summary: 'Read the events of a job',
      description:
        'CLAIMED, PROMPT_PREPARED, SENT_TO_COMFY and COMFY_RESULT with their context, and how the job ended, read from Temporal history.',
      params: JobParams,
      responses: { 200: { description: 'Oldest first', schema: JobEventList } },
      errors: [400, 404],
      async handle(c, { params, caller }) {
        const events = await orchestrator.listEvents(caller, params.jobId);
        return c.json(jobEventList(params.jobId, events, answers.linksFor(c)));
      },
    }),
  ];
}
