/** The delivery log and the signing secret of callbacks: ours. */
import { z } from '@hono/zod-openapi';
import type { DeliveryRecord, TenantDelivery } from '../../db/callback-log.ts';
import type { CallbackSecret } from '../../db/callback-secrets.ts';
import { CALLBACK_EVENTS, DELIVERY_STATES, messageIdOf } from '../../domain/callback.ts';

const Delivery = z
  .object({
    number: z.int().openapi({ description: 'Place in the order of the job, from 1', example: 1 }),
    webhookId: z.string().openapi({
      description: 'The same for every try',
      example: 'msg_37d9d863-7928-41c1-bc83-626c00995137_1_Claimed',
    }),
    event: z.enum(CALLBACK_EVENTS),
    state: z.enum(DELIVERY_STATES).openapi({
      description: '`dead`: given up after three days, or at once where no further try would help',
    }),
    url: z.string(),
    createdAt: z.iso.datetime(),
    tries: z.int(),
    lastTryAt: z.iso.datetime().optional(),
    nextTryAt: z.iso.datetime().optional().openapi({
      description: 'Of the first that is pending; the others wait behind it',
    }),
    endedAt: z.iso.datetime().optional(),
    lastStatus: z.int().optional().openapi({ description: 'HTTP status of the last answer' }),
    lastError: z.string().optional(),
  })
  .openapi('CallbackDelivery');

export const CallbackDeliveries = z
  .object({ jobId: z.guid(), deliveries: z.array(Delivery) })
  .openapi('CallbackDeliveries');
type CallbackDeliveries = z.infer<typeof CallbackDeliveries>;

export const CallbackDeliveryPage = z
  .object({
    cursor: z.string().nullable().openapi({ description: 'For the next page; null on the last' }),
    deliveries: z.array(Delivery.extend({ jobId: z.guid() }).openapi('CallbackDeliveryOfJob')),
  })
  .openapi('CallbackDeliveryPage');
type CallbackDeliveryPage = z.infer<typeof CallbackDeliveryPage>;

export const TenantRedelivery = z
  .object({ redelivered: z.int().openapi({ description: 'How many deliveries', example: 17 }) })
  .openapi('CallbackTenantRedelivery');

export const Redelivery = z
  .object({ jobId: z.guid(), redelivered: z.array(z.int()) })
  .openapi('CallbackRedelivery');

const Secret = z
  .object({
    secret: z.string().openapi({ example: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD' }),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().optional(),
  })
  .openapi('CallbackSecret');

export const CallbackSecrets = z
  .object({ secrets: z.array(Secret).openapi({ description: 'All sign; the newest first' }) })
  .openapi('CallbackSecrets');
type CallbackSecrets = z.infer<typeof CallbackSecrets>;

/** What is absent is left out. */
const dates = <Name extends string>(
  values: Readonly<Record<Name, Date | null>>,
): Partial<Record<Name, string>> =>
  Object.fromEntries(
    Object.entries<Date | null>(values).flatMap(([name, at]) =>
      at === null ? [] : [[name, at.toISOString()]],
    ),
  ) as Partial<Record<Name, string>>;

const onWire = (
  jobId: string,
  {
    number,
    event,
    state,
    url,
    createdAt,
    tries,
    triedAt,
    nextTryAt,
    endedAt,
    ...last
  }: DeliveryRecord,
): z.infer<typeof Delivery> => ({
  number,
  webhookId: messageIdOf(jobId, number, event),
  event,
  state,
  url,
  createdAt: createdAt.toISOString(),
  tries,
  ...dates({ lastTryAt: triedAt, nextTryAt, endedAt }),
  ...(last.status === null ? {} : { lastStatus: last.status }),
  ...(last.error === null ? {} : { lastError: last.error }),
});

/** Deliveries on the wire. */
export const callbackDeliveries = (
  jobId: string,
  records: readonly DeliveryRecord[],
): CallbackDeliveries => ({ jobId, deliveries: records.map((one) => onWire(jobId, one)) });

/** Deliveries of several jobs on the wire. */
export const callbackDeliveryPage = (
  records: readonly TenantDelivery[],
  cursor: string | null,
): CallbackDeliveryPage => ({
  cursor,
  deliveries: records.map(({ jobId, streamId: _stream, writtenAt: _written, ...one }) => ({
    jobId,
    ...onWire(jobId, one),
  })),
});

/** Secrets on the wire. */
export const callbackSecrets = (secrets: readonly CallbackSecret[]): CallbackSecrets => ({
  secrets: secrets.map(({ secret, createdAt, expiresAt }) => ({
    secret,
    createdAt: createdAt.toISOString(),
    ...dates({ expiresAt }),
  })),
});
