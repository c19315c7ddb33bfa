/** `/v1/quota`: what a tenant may use and what it uses. */
import { limitsOf } from '../client/tenant-limits.ts';
import { Quota } from '../contract/quota.ts';
import type { ApiDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { requestLimit } from './middleware/rate-limit.ts';

const DAY_MS = 86_400_000;

/** Endpoint of quotas. */
export const quotaEndpoints = (deps: ApiDeps): readonly Endpoint[] => [
  endpoint({
    method: 'get',
    path: '/v1/quota',
    access: 'tenant',
    scope: 'jobs:read',
    tag: 'Service',
    summary: 'Read the quotas and what is used of them',
    responses: { 200: { description: 'As of now', schema: Quota } },
    async handle(c, { caller: { tenant } }) {
      const use = await deps.tenantUse.findTenantUse(tenant);
      const limits = limitsOf(use, deps.defaultLimits);
      const now = deps.now().getTime();
      const quota: Quota = {
        tenant,
        jobsPerDay: {
          used: use?.jobsToday ?? 0,
          limit: limits.maxJobsPerDay ?? null,
          resetsAt: new Date(now - (now % DAY_MS) + DAY_MS).toISOString(),
        },
        queued: { used: use?.queued ?? 0, limit: limits.maxQueued ?? null },
        running: { used: use?.running ?? 0, limit: limits.maxRunning ?? null },
        storedBytes: { used: use?.storedBytes ?? 0, limit: limits.maxStoredBytes ?? null },
        requestsPerMinute: { limit: (await requestLimit(c, deps)) || null },
      };
      return c.json(quota);
    },
  }),
];
