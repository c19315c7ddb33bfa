import type { ApiDeps } from './deps.ts';

/** Every job has one delivery that was given up. */
export const memoryCallbacks = (now: () => Date): ApiDeps['callbacks'] => ({
  log: {
    listDeliveries: async () => [
      {
        number: 1,
        event: 'Claimed',
        state: 'dead',
        url: 'https://example.org/hook',
        createdAt: now(),
        tries: 2,
        triedAt: now(),
        endedAt: now(),
        nextTryAt: null,
        status: 410,
        error: 'The receiver answered 410.',
      },
    ],
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
