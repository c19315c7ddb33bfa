/** The limits of tenants and keys at an API. */
import { createRateLimiter, type RateLimiter } from './api/rate-limiter.ts';
import { createStorageQuota, type RequireStorage } from './client/storage-quota.ts';
import {
  createTenantLimits,
  type ReadTenantLimits,
  type TenantLimits,
} from './client/tenant-limits.ts';
import type { Config } from './config.ts';
import type { Sql } from './db/connect.ts';
import { createRequestWindows } from './db/request-windows.ts';
import { createStoredBytes } from './db/stored-bytes.ts';
import { createTenantStore, type TenantStore } from './db/tenants.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Logger } from './ports.ts';

/** What `composeLimits` makes. */
export interface Limits {
  readonly defaultLimits: TenantLimits;
  readonly tenantLimits: ReadTenantLimits;
  readonly tenantUse: TenantStore;
  readonly rateLimiter: RateLimiter;
  readonly requireStorage: RequireStorage;
}

/** What a tenant gets that has nothing of its own. */
export const defaultLimits = (config: Config): TenantLimits => ({
  maxQueued: config.TENANT_MAX_QUEUED,
  maxRunning: config.TENANT_MAX_RUNNING,
  maxJobsPerDay: config.TENANT_MAX_JOBS_PER_DAY,
  maxStoredBytes: config.TENANT_MAX_STORED_BYTES,
  requestsPerMinute: config.RATE_LIMIT_PER_MINUTE,
});

/** Puts the limits together; what they hold is given back at the end. */
export function composeLimits(
  sql: Sql,
  { config, lifecycle, logger }: { config: Config; lifecycle: Lifecycle; logger: Logger },
): Limits {
  const now = (): number => performance.now();
  const tenantUse = createTenantStore(sql);
  const defaults = defaultLimits(config);
  const tenantLimits = createTenantLimits(tenantUse, defaults, now);
  return {
    defaultLimits: defaults,
    tenantLimits,
    tenantUse,
    rateLimiter: lifecycle.add(
      'rate limits',
      createRateLimiter({ windows: createRequestWindows(sql), logger, now }),
      (open) => open.close(),
    ),
    requireStorage: createStorageQuota({ stored: createStoredBytes(sql), tenantLimits, now }),
  };
}
