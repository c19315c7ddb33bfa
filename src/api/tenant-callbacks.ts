/** `/v1/consumer/callbacks`: the deliveries of all jobs of a tenant. Ours, Civitai has no such calls. */
import { z } from '@hono/zod-openapi';
import { queryInteger } from '../contract/query-values.ts';
import {
  CallbackDeliveryPage,
  callbackDeliveryPage,
  TenantRedelivery,
} from '../contract/v1/callbacks.ts';
import type { DeliveryPlace } from '../db/callback-log.ts';
import { DELIVERY_STATES } from '../domain/callback.ts';
import { requireCursor } from './cursors.ts';
import type { ApiDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';

const PATH = '/v1/consumer/callbacks';
const OF_TENANT = { access: 'tenant', tag: 'Callbacks' } as const;
const Place = z.tuple([z.string(), z.guid(), z.int()]);

const State = z.enum(DELIVERY_STATES).default('dead').openapi({
  description: '`dead`: given up; `pending`: not delivered yet; `delivered`',
});

/** Endpoints that list the deliveries of a tenant and send all dead ones once more. */
export const tenantCallbackEndpoints = ({ callbacks, cursors }: ApiDeps): readonly Endpoint[] => [
  endpoint({
    ...OF_TENANT,
    method: 'get',
    path: PATH,
    scope: 'jobs:read',
    summary: 'Deliveries of all your jobs in one state',
    description: 'Newest first. Deliveries that are written meanwhile do not disturb the pages.',
    query: z.object({
      state: State,
      cursor: z
        .string()
        .max(2_000)
        .optional()
        .openapi({ description: 'That of the page before; absent for the first page' }),
      take: queryInteger(1, 200, 50, 'Deliveries a page'),
    }),
    responses: { 200: { description: 'A page', schema: CallbackDeliveryPage } },
    errors: [400],
    async handle(c, { query: { state, cursor, take }, caller: { tenant } }) {
      const purpose = `callbacks ${tenant} ${state}`;
      const after = requireCursor(cursors, purpose, cursor, Place, placeOf);
      // One more than a page says whether there is another.
      const found = await callbacks.log.listByState(tenant, state, after, take + 1);
      const records = found.slice(0, take);
      const last = found.length > take ? records.at(-1) : undefined;
      const next = last && cursors.sign(purpose, [last.writtenAt, last.streamId, last.number]);
      return c.json(callbackDeliveryPage(records, next ?? null));
    },
  }),
  endpoint({
    ...OF_TENANT,
    method: 'post',
    path: `${PATH}/redeliver`,
    scope: 'callbacks:write',
    summary: 'Sends all deliveries of your jobs once more that were given up',
    description: 'With the same `webhook-id`, those of one job in their order.',
    responses: { 202: { description: 'How many are sent now', schema: TenantRedelivery } },
    async handle(c, { caller: { tenant } }) {
      const redelivered = await callbacks.log.redeliverDead(tenant);
      if (redelivered > 0) callbacks.wake();
      return c.json({ redelivered }, 202);
    },
  }),
];

const placeOf = ([writtenAt, streamId, number]: z.infer<typeof Place>): DeliveryPlace => ({
  writtenAt,
  streamId,
  number,
});
