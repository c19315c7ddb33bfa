import type { StoredBytes } from '../db/stored-bytes.ts';
import { OrchestratorError } from '../errors.ts';
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
    // Room for one byte at least.
    const room = limit - Math.max(1, bytes);
    if (used <= room) return;
    const freesAt = room < 0 ? undefined : await stored.findFreeing(tenant, room);
    throw new OrchestratorError(
      'quota_exceeded',
      `Tenant '${tenant}' stores ${used} bytes and may store ${limit}, so nothing that would be stored beside is accepted. ` +
        (freesAt
          ? `The retention of enough files ends at ${freesAt.toISOString()}; an operator can raise max-stored-bytes.`
          : 'An operator can raise max-stored-bytes.'),
      {
        status: 403,
        quota: {
          ...{ quota: 'storedBytes', used, limit, requested: bytes },
          ...(freesAt ? { freesAt: freesAt.toISOString() } : {}),
        },
      },
    );
  };
}
