/** `GET /v1/consumer/consumption` */
import { z } from '@hono/zod-openapi';
import { queryDate } from '../contract/v1/date-text.ts';
import { ConsumptionDetails } from '../contract/v1/job-listings.ts';
import { wireDate } from '../contract/v1/wire-time.ts';
import { OrchestratorError } from '../errors.ts';
import type { ApiDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';

/** Endpoint of what a tenant consumed. */
export const consumptionEndpoint = ({ listings }: ApiDeps): Endpoint =>
  endpoint({
    method: 'get',
    path: '/v1/consumer/consumption',
    access: 'tenant',
    scope: 'jobs:read',
    tag: 'Account (v1)',
    summary: 'Pictures and cost of a period',
    description:
      'Of jobs that succeeded in the period, as far back as jobs are kept (JOB_RETENTION_DAYS). Nothing is charged here.',
    query: z.object({
      startDate: queryDate('From here on; absent: from the beginning. Without an offset it is UTC'),
      endDate: queryDate('Up to but without this time; absent: until now'),
    }),
    responses: { 200: { description: 'The sums', schema: ConsumptionDetails } },
    errors: [400],
    async handle(c, { query: { startDate: from, endDate: to }, caller }) {
      if (from && to && from > to) throw reversed(from, to);
      const period = { ...(from ? { from } : {}), ...(to ? { to } : {}) };
      const { images, totalCost } = await listings.sumConsumption(caller.tenant, period);
      const answer: z.infer<typeof ConsumptionDetails> = {
        ...{ images, totalCost },
        startDate: from ? wireDate(from) : null,
        endDate: to ? wireDate(to) : null,
      };
      return c.json(answer);
    },
  });

function reversed(from: Date, to: Date): OrchestratorError {
  const message = `expected a time that is not before startDate (${from.toISOString()}); seen ${to.toISOString()}`;
  return new OrchestratorError('invalid_request', `endDate: ${message}`, {
    fields: [{ path: 'endDate', message }],
  });
}
