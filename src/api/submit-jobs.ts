/** `POST /v1/consumer/jobs` */
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { JobSubmission } from '../client/verbs.ts';
import { JobRequestBody } from '../contract/v1/job-request.ts';
import { JobEstimates, jobEstimates } from '../contract/v1/job-estimate.ts';
import { jobStatusCollection } from '../contract/v1/job-status.ts';
import type { StatusOptions } from '../contract/v1/status-options.ts';
import { wireDate } from '../contract/v1/wire-time.ts';
import type { StoredAnswer } from '../db/idempotency-keys.ts';
import { graphsOf } from '../db/job-graphs.ts';
import type { JobRow } from '../db/job-row.ts';
import type { ApiDeps, ApiEnv } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { idempotencyOf, replayedBody, REPLAYED_HEADER } from './idempotency.ts';
import { JOBS_PATH, JOBS_TAG, statusOf, type JobAnswers } from './job-answers.ts';
import { charge, collection, detailed, wait, whatif } from './job-params.ts';
import { createSubmissionsOf } from './submissions-of.ts';

/** Endpoint of acceptance. */
export function submitEndpoint(deps: ApiDeps, answers: JobAnswers): Endpoint {
  const { orchestrator, now } = deps;
  const submissionsOf = createSubmissionsOf(deps, answers.fleet);

  const replay = (c: Context<ApiEnv>, stored: StoredAnswer): Response => {
    const links = answers.linksFor(c);
    const body = replayedBody(stored, now(), (blobKey) => {
      const { url, expiresAt } = links(blobKey);
      return { blobUrl: url, blobUrlExpirationDate: wireDate(expiresAt) };
    });
    return c.body(body, stored.status as 200 | 202, {
      'content-type': 'application/json',
      [REPLAYED_HEADER]: 'true',
    });
  };

  return endpoint({
    method: 'post',
    path: JOBS_PATH,
    access: 'tenant',
    scope: 'jobs:write',
    tag: JOBS_TAG,
    summary: 'Submit jobs',
    description:
      'One job, or `{"jobs": [...]}`; `quantity` × `batchSize` expands to that many jobs, at most 1,000 a request. ' +
      'Once this answers 2xx the jobs are stored and will run, whatever restarts. With `whatif=true` the request is checked and priced and nothing is stored.',
    query: z.object({ wait, detailed, whatif, charge }),
    headers: z.object({
      'Idempotency-Key': z.string().optional().openapi({
        description:
          'The same key with the same body gives the first answer again (same status, same body, `Idempotent-Replayed: true`), with another body 409. A key lives as long as the jobs',
      }),
    }),
    body: { schema: JobRequestBody, check: false },
    responses: {
      200: {
        description: 'All jobs have ended; with whatif=true what they would cost',
        schema: z.union([collection.schema, JobEstimates]),
      },
      202: { ...collection, description: 'Accepted' },
    },
    errors: [400, 409, 413, 415, 429],
    async handle(c, { query, body, caller }) {
      const asking = { tenant: caller.tenant, scopes: c.get('scopes') ?? null };
      const shownAs = async (submissions: readonly JobSubmission[]): Promise<StatusOptions> => ({
        ...(await answers.options(c, 'new', query.detailed)),
        graphs: graphsOf(submissions),
      });
      if (query.whatif) {
        const submissions = await submissionsOf(asking, body);
        const rows = orchestrator.whatIf(caller, submissions);
        return c.json(jobEstimates(rows, await shownAs(submissions)));
      }
      const idempotency = idempotencyOf(c.req.header('idempotency-key'), body);
      const earlier = idempotency && (await orchestrator.findSubmitted(caller, idempotency));
      if (earlier?.answer) return replay(c, earlier.answer);
      const submissions = earlier ? [] : await submissionsOf(asking, body);
      let shown = await shownAs(submissions);
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
      const rows = query.wait ? await answers.waited(c, caller, batch.jobs) : batch.jobs;
      // Tasks show files, which have to be looked up once they have ended.
      if (query.wait)
        shown = { ...(await answers.options(c, rows, query.detailed)), graphs: shown.graphs };
      const given = answerOf(rows);
      // A caller who hung up was given nothing.
      const kept =
        idempotency && (query.wait || batch.isReplay) && !c.req.raw.signal.aborted
          ? await orchestrator.keepAnswer(caller, idempotency.key, given)
          : given;
      if (batch.isReplay) return replay(c, kept);
      return c.body(kept.body, kept.status as 200 | 202, { 'content-type': 'application/json' });
    },
  });
}
