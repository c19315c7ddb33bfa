import type { ApiDeps } from './deps.ts';

const NO_LIMITS: ApiDeps['defaultLimits'] = {
  ...{ maxQueued: undefined, maxRunning: undefined, maxJobsPerDay: undefined },
  ...{ maxStoredBytes: undefined, requestsPerMinute: undefined },
};

/** Where nothing is limited. */
export const unlimited: Pick<
  ApiDeps,
  'defaultLimits' | 'tenantLimits' | 'tenantUse' | 'rateLimiter' | 'requireStorage'
> = {
  defaultLimits: NO_LIMITS,
  tenantLimits: async () => () => NO_LIMITS,
  tenantUse: { findTenantUse: async () => undefined },
  requireStorage: async () => undefined,
  rateLimiter: { count: () => Promise.reject(new Error('nothing is limited here')) },
};
