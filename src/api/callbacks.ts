/** `/v1/consumer/jobs/{jobId}/callbacks` and the secret that signs them: ours, Civitai has no such calls. */
import { z } from '@hono/zod-openapi';
import {
  CallbackDeliveries,
  callbackDeliveries,
  CallbackSecrets,
  callbackSecrets,
  Redelivery,
} from '../contract/v1/callbacks.ts';
import { queryInteger } from '../contract/query-values.ts';
import { OrchestratorError } from '../errors.ts';
import type { ApiDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { JobParams } from './job-params.ts';

const TAG = 'Callbacks';
const JOB_PATH = '/v1/consumer/jobs/{jobId}/callbacks';
const SECRET_PATH = '/v1/consumer/callbacks/secret';
const DAY_SECONDS = 86_400;

const DeliveryNumber = z
  .string()
  .regex(/^[1-9]\d{0,8}$/, { error: () => 'expected the number of a delivery, from 1' })
  .transform(Number)
  .openapi({ type: 'integer', minimum: 1, maximum: 999_999_999, example: 1 });

const graceSeconds = queryInteger(
  0,
  30 * DAY_SECONDS,
  DAY_SECONDS,
  'Seconds for which the secret before signs as well',
);

/** Endpoints of callbacks. */
export function callbackEndpoints(deps: ApiDeps): readonly Endpoint[] {
  const { orchestrator, callbacks } = deps;
  const secrets = { description: 'The secrets that sign', schema: CallbackSecrets };
  const asked = { description: 'The deliveries that are sent now', schema: Redelivery };

  const redeliver = async (
    caller: Parameters<typeof orchestrator.getJob>[0],
    jobId: string,
    number?: number,
  ): Promise<readonly number[]> => {
    await orchestrator.getJob(caller, jobId);
    const redelivered = await callbacks.log.redeliver(caller.tenant, jobId, number);
    if (number !== undefined && redelivered.length === 0)
      throw new OrchestratorError(
        'not_found',
        `Job ${jobId} has no delivery ${number}. GET /v1/consumer/jobs/${jobId}/callbacks lists them.`,
      );
    if (redelivered.length > 0) callbacks.wake();
    return redelivered;
  };

  return [
    endpoint({
      method: 'get',
      path: JOB_PATH,
      access: 'tenant',
      scope: 'jobs:read',
      tag: TAG,
      summary: 'The delivery log of a job',
      description: 'Every event that `callbackUrl` gets, in order, with its tries.',
      params: JobParams,
      responses: { 200: { description: 'The deliveries', schema: CallbackDeliveries } },
      errors: [400, 404],
      async handle(c, { params: { jobId }, caller }) {
        await orchestrator.getJob(caller, jobId);
        const records = await callbacks.log.listDeliveries(caller.tenant, jobId);
        return c.json(callbackDeliveries(jobId, records));
      },
    }),
    endpoint({
      method: 'post',
      path: `${JOB_PATH}/redeliver`,
      access: 'tenant',
      scope: 'callbacks:write',
      tag: TAG,
      summary: 'Sends the deliveries of a job once more that were given up',
      params: JobParams,
      responses: { 202: asked },
      errors: [400, 404],
      async handle(c, { params: { jobId }, caller }) {
        return c.json({ jobId, redelivered: await redeliver(caller, jobId) }, 202);
      },
    }),
    endpoint({
      method: 'post',
      path: `${JOB_PATH}/{number}/redeliver`,
      access: 'tenant',
      scope: 'callbacks:write',
      tag: TAG,
      summary: 'Sends one delivery once more, or at once if it waits for its next try',
      description: 'With the same `webhook-id`; later ones that are pending wait for it.',
      params: JobParams.extend({ number: DeliveryNumber }),
      responses: { 202: asked },
      errors: [400, 404],
      async handle(c, { params: { jobId, number }, caller }) {
        return c.json({ jobId, redelivered: await redeliver(caller, jobId, number) }, 202);
      },
    }),
    endpoint({
      method: 'get',
      path: SECRET_PATH,
      access: 'tenant',
      scope: 'callbacks:read',
      tag: TAG,
      summary: 'The secret with which your callbacks are signed',
      description:
        'As Standard Webhooks verifiers take it; made at the first use. Whoever has it can sign: reading it takes the scope `callbacks:read`.',
      responses: { 200: secrets },
      async handle(c, { caller }) {
        c.header('cache-control', 'no-store');
        return c.json(callbackSecrets(await callbacks.secrets.list(caller.tenant)));
      },
    }),
    endpoint({
      method: 'post',
      path: `${SECRET_PATH}/rotate`,
      access: 'tenant',
      scope: 'callbacks:write',
      tag: TAG,
      summary: 'Makes a new secret',
      query: z.object({ graceSeconds }),
      responses: { 200: secrets },
      errors: [400],
      async handle(c, { query, caller }) {
        c.header('cache-control', 'no-store');
        const rotated = await callbacks.secrets.rotate(caller.tenant, query.graceSeconds);
        return c.json(callbackSecrets(rotated));
      },
    }),
  ];
}
