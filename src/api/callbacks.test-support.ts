import type { DeliveryRecord } from '../db/callback-log.ts';
import type { ApiDeps } from './deps.ts';

const JOB = '37d9d863-7928-41c1-bc83-626c00995137';

const given = (number: number, at: Date): DeliveryRecord => ({
  number,
  event: 'Claimed',
  state: 'dead',
  url: 'https://example.org/hook',
  createdAt: at,
  tries: 2,
  triedAt: at,
  endedAt: at,
  nextTryAt: null,
  status: 410,
  error: 'The receiver answered 410.',
});

/** Every job has one delivery that was given up, and every tenant has five. */
export const memoryCallbacks = (now: () => Date): ApiDeps['callbacks'] => ({
  log: {
    listDeliveries: async () => [given(1, now())],
    listByState: async (_tenant, state, after, limit) =>
      Array.from({ length: 5 }, (_, index) => 5 - index)
        .filter((number) => state === 'dead' && number < (after?.number ?? Infinity))
        .slice(0, limit)
        .map((number) => ({
          ...given(number, now()),
          jobId: JOB,
          streamId: JOB,
          writtenAt: now().toISOString(),
        })),
    redeliverDead: async () => 5,
    redeliver: async (_tenant, _jobId, number = 1) => (number === 1 ? [1] : []),
  },
  secrets: {
    list: async (tenant) => [{ secret: `whsec_of_${tenant}`, createdAt: now(), expiresAt: null }],
    rotate: async (tenant, graceSeconds) => [
      { secret: `whsec_new_${tenant}`, createdAt: now(), expiresAt: null },
      {
        secret: `whsec_of_${tenant}`,
        createdAt: now(),
        expiresAt: new Date(now().getTime() + graceSeconds * 1_000),
      },
    ],
  },
  wake: () => undefined,
});
