/** `/v1/consumer/jobs` */
import { setTimeout } from 'node:timers/promises';
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Caller, JobSelector } from '../client/verbs.ts';
import { JobRequestBody } from '../contract/v1/job-request.ts';
import { JobEventList, jobEventList, linkedContext } from '../contract/v1/job-events.ts';
import {
  jobStatus,
  JobStatus,
  jobStatusCollection,
  JobStatusCollection,
  type StatusOptions,
} from '../contract/v1/job-status.ts';
import { decodeToken, tokenOf } from '../contract/v1/token.ts';
import { wireDate } from '../contract/v1/wire-time.ts';
import { queryFlag } from '../contract/query-values.ts';
import type { JobRow } from '../db/job-row.ts';
import type { StoredAnswer } from '../db/idempotency-keys.ts';
import { isTerminal } from '../domain/job.ts';
import { messageOf, OrchestratorError } from '../errors.ts';
import { blobKeyFor } from '../storage/keys.ts';
import { createBlobLinks, publicBase } from './blob-links.ts';
import type { ApiDeps, ApiEnv } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { createFleetView } from '../db/fleet-view.ts';
import { idempotencyOf, replayedBody, REPLAYED_HEADER } from './idempotency.ts';
import { JobParams } from './job-params.ts';
import { createSubmissionsOf } from './submissions-of.ts';
import { createWaitView } from './wait-view.ts';

const TAG = 'Jobs (v1)';
const PATH = '/v1/consumer/jobs';
/** A detailed status waits this long for the events of its stages. */
const STAGE_CONTEXT_MS = 1_000;
const ID_PATH = `${PATH}/{jobId}`;

const detailed = queryFlag(false, 'Adds `job`: the job as it was accepted, with its real seed');
const wait = queryFlag(false, 'Holds the answer until all jobs have ended, at most WAIT_LIMIT_MS');
const force = queryFlag(true, 'Accepted for compatibility; a cancel is always final');
const token = z
  .string({ error: () => "is required: the 'token' of the answer to your POST" })
  .min(1)
  .openapi({
    description: 'Token of a collection',
    example: 'eyJKb2JzIjpbIjM3ZDlkODYzLTc5MjgtNDFjMS1iYzgzLTYyNmMwMDk5NTEzNyJdfQ==',
  });
const collection = { description: 'The jobs and their token', schema: JobStatusCollection };

/** Endpoints of jobs. */
export function jobEndpoints(deps: ApiDeps): readonly Endpoint[] {
  const { config, orchestrator, now } = deps;
  const fleet = createFleetView(
    () => deps.fleet.readFleet(),
    () => now().getTime(),
  );
  const submissionsOf = createSubmissionsOf(deps, fleet);
  const waitsOf = createWaitView({ ...deps, fleet });
  const linksFor = createBlobLinks(deps.signer, config.PUBLIC_URL);

  /** Of drawings that take longer than a second, which are the only ones reported. */
  const progressOf = async (rows: readonly JobRow[]): Promise<StatusOptions['progress']> => {
    const before = now().getTime() - 1_000;
    const drawn = rows.filter(
      ({ state, claimedAt }) => state === 'running' && claimedAt && claimedAt.getTime() < before,
    );
    return deps.progress.findProgress(drawn.map((row) => row.id));
  };

  const options = async (
    c: Context<ApiEnv>,
    rows: readonly JobRow[] | 'new',
    isDetailed: boolean,
  ): Promise<StatusOptions> => ({
    detailed: isDetailed,
    resultShape: config.RESULT_SHAPE,
    providerName: config.PROVIDER_NAME,
    blobUrl: linksFor(c),
    expectedBlobKey: (jobId, slot) => blobKeyFor(jobId, slot, 'png'),
    progress: await progressOf(rows === 'new' ? [] : rows),
    previewUrl: (jobId) => `${publicBase(c, config.PUBLIC_URL)}${PATH}/${jobId}/preview`,
    waiting: await waitsOf(rows),
    now: now(),
  });
  const answer = async (
    c: Context<ApiEnv>,
    rows: readonly JobRow[],
    isDetailed: boolean,
    status: 200 | 202,
    selector?: JobSelector,
  ): Promise<Response> =>
    c.json(
      jobStatusCollection(rows, await options(c, rows, isDetailed), selector && tokenOf(selector)),
      status,
    );
  const statusOf = (rows: readonly JobRow[]): 200 | 202 =>
    rows.every((row) => isTerminal(row.state)) ? 200 : 202;
  const waited = async (
    c: Context<ApiEnv>,
    caller: Caller,
    jobs: readonly JobRow[],
  ): Promise<readonly JobRow[]> =>
    orchestrator.waitForJobs(caller, jobs, config.WAIT_LIMIT_MS, c.req.raw.signal);

  const replay = (c: Context<ApiEnv>, stored: StoredAnswer): Response => {
    const links = linksFor(c);
    const body = replayedBody(stored, now(), (blobKey) => {
      const { url, expiresAt } = links(blobKey);
      return { blobUrl: url, blobUrlExpirationDate: wireDate(expiresAt) };
    });
    return c.body(body, stored.status as 200 | 202, {
      'content-type': 'application/json',
      [REPLAYED_HEADER]: 'true',
    });
  };

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
      method: 'post',
      path: PATH,
      access: 'tenant',
      scope: 'jobs:write',
      tag: TAG,
      summary: 'Submit jobs',
      description:
        'One job, or `{"jobs": [...]}`; `quantity` × `batchSize` expands to that many jobs, at most 1,000 a request. ' +
        'Once this answers 2xx the jobs are stored and will run, whatever restarts.',
      query: z.object({ wait, detailed }),
      headers: z.object({
        'Idempotency-Key': z.string().optional().openapi({
          description:
            'The same key with the same body gives the first answer again (same status, same body, `Idempotent-Replayed: true`), with another body 409. A key lives as long as the jobs',
        }),
      }),
      body: { schema: JobRequestBody, check: false },
      responses: {
        200: { ...collection, description: 'All jobs have ended' },
        202: { ...collection, description: 'Accepted' },
      },
      errors: [400, 409, 413, 415, 429],
      async handle(c, { query, body, caller }) {
        const idempotency = idempotencyOf(c.req.header('idempotency-key'), body);
        const earlier = idempotency && (await orchestrator.findSubmitted(caller, idempotency));
        if (earlier?.answer) return replay(c, earlier.answer);
        const submissions = earlier ? [] : await submissionsOf(caller.tenant, body);
        const shown = await options(c, 'new', query.detailed);
        const answerOf = (rows: readonly JobRow[]): StoredAnswer => ({
          status: statusOf(rows),
          body: JSON.stringify(jobStatusCollection(rows, shown)),
        });
        // Without a wait the answer is known before the commit, and is kept with it.
        const batch =
          earlier ??
          (await orchestrator.submit(
            caller,
            submissions,
            idempotency,
            idempotency && !query.wait ? answerOf : undefined,
          ));
        if (batch.answer) return replay(c, batch.answer);
        const rows = query.wait ? await waited(c, caller, batch.jobs) : batch.jobs;
        const given = answerOf(rows);
        // A caller who hung up was given nothing.
        const kept =
          idempotency && (query.wait || batch.isReplay) && !c.req.raw.signal.aborted
            ? await orchestrator.keepAnswer(caller, idempotency.key, given)
            : given;
        if (batch.isReplay) return replay(c, kept);
        return c.body(kept.body, kept.status as 200 | 202, { 'content-type': 'application/json' });
      },
    }),

    endpoint({
      method: 'get',
      path: PATH,
      access: 'tenant',
      scope: 'jobs:read',
      tag: TAG,
      summary: 'Read jobs by token',
      query: z.object({ token, wait, detailed }),
      responses: { 200: collection, 202: { ...collection, description: 'Waited in vain' } },
      errors: [400, 404],
      async handle(c, { query, caller }) {
        const selector = decodeToken(query.token);
        const known = await orchestrator.getJobs(caller, selector);
        const rows = query.wait ? await waited(c, caller, known) : known;
        return answer(c, rows, query.detailed, query.wait ? statusOf(rows) : 200, selector);
      },
    }),

    endpoint({
      method: 'delete',
      path: PATH,
      access: 'tenant',
      scope: 'jobs:write',
      tag: TAG,
      summary: 'Cancel jobs by token',
      query: z.object({ token, force, detailed }),
      responses: {
        200: { ...collection, description: 'The jobs; those that had ended stay as they are' },
      },
      errors: [400, 404],
      async handle(c, { query, caller }) {
        const selector = decodeToken(query.token);
        const rows = await orchestrator.cancel(caller, selector);
        return answer(c, rows, query.detailed, 200, selector);
      },
    }),

    endpoint({
      method: 'get',
      path: ID_PATH,
      access: 'tenant',
      scope: 'jobs:read',
      tag: TAG,
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
        const context = linkedContext(reported, linksFor(c));
        return c.json(jobStatus(row, { ...(await options(c, [row], query.detailed)), context }));
      },
    }),

    endpoint({
      method: 'delete',
      path: ID_PATH,
      access: 'tenant',
      scope: 'jobs:write',
      tag: TAG,
      summary: 'Cancel a job',
      params: JobParams,
      query: z.object({ force, detailed }),
      responses: {
        200: { description: 'The job; if it had ended it stays as it is', schema: JobStatus },
      },
      errors: [400, 404],
      async handle(c, { params, query, caller }) {
        const [row] = await orchestrator.cancel(caller, { ids: [params.jobId] });
        if (!row) throw new OrchestratorError('not_found', `There is no job ${params.jobId}.`);
        return c.json(jobStatus(row, await options(c, [row], query.detailed)));
      },
    }),

    endpoint({
      method: 'get',
      path: `${ID_PATH}/events`,
      access: 'tenant',
      scope: 'jobs:read',
      tag: TAG,
      summary: 'Read the events of a job',
      description:
        'CLAIMED, PROMPT_PREPARED, SENT_TO_COMFY and COMFY_RESULT with their context, and how the job ended, read from Temporal history.',
      params: JobParams,
      responses: { 200: { description: 'Oldest first', schema: JobEventList } },
      errors: [400, 404],
      async handle(c, { params, caller }) {
        const events = await orchestrator.listEvents(caller, params.jobId);
        return c.json(jobEventList(params.jobId, events, linksFor(c)));
      },
    }),
  ];
}
