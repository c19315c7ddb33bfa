import type { StoredBytes } from '../db/stored-bytes.ts';
import { createKeptRead } from './kept-read.ts';
import type { ReadTenantLimits } from './tenant-limits.ts';

export interface StorageQuotaDeps {
  readonly stored: StoredBytes;
  readonly tenantLimits: ReadTenantLimits;
  readonly now: () => number;
}

/** Throws `quota_exceeded` (403) when the tenant stores as much as it may, or would with `bytes` more. */
export type RequireStorage = (tenant: string, bytes?: number) => Promise<void>;

const KEPT_MS = 2_000;
const KEPT_TENANTS = 1_000;

/** What a tenant stores is summed at most every 2 seconds, and only where it has a limit. */
export function createStorageQuota({
  stored,
  tenantLimits,
  now,
}: StorageQuotaDeps): RequireStorage {
  const sums = new Map<string, () => Promise<number>>();

  const sumOf = (tenant: string): Promise<number> => {
    const known = sums.get(tenant);
    if (known) return known();
    if (sums.size >= KEPT_TENANTS) sums.clear();
    const read = createKeptRead(() => stored.sumStored(tenant), { keptMs: KEPT_MS }, now);
    sums.set(tenant, read);
    return read();
  };

  return async (tenant, bytes = 0) => {
    const limit = (await tenantLimits())(tenant).maxStoredBytes;
    if (limit === undefined) return;
    const used = await sumOf(tenant);
    if (used + Math.max(1, bytes) <= limit) return;
    throw await stored.refusal({ tenant, limit, used, requested: bytes });
  };
}
