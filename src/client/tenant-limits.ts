import type { TenantSettings, TenantStore } from '../db/tenants.ts';
import { createKeptRead } from './kept-read.ts';

/** What one tenant may use; undefined for no limit. */
export interface TenantLimits {
  readonly maxQueued: number | undefined;
  readonly maxRunning: number | undefined;
  readonly maxJobsPerDay: number | undefined;
  readonly maxStoredBytes: number | undefined;
  /** Of each of its keys; 0 for no limit. */
  readonly requestsPerMinute: number | undefined;
}

/** The limits of any tenant; a change is seen within seconds. */
export type ReadTenantLimits = () => Promise<(tenant: string) => TenantLimits>;

const KEPT_MS = 2_000;

/** What a tenant has of its own counts before the defaults. */
export const limitsOf = (
  own: Partial<TenantSettings> | undefined,
  defaults: TenantLimits,
): TenantLimits => ({
  maxQueued: own?.maxQueued ?? defaults.maxQueued,
  maxRunning: own?.maxRunning ?? defaults.maxRunning,
  maxJobsPerDay: own?.maxJobsPerDay ?? defaults.maxJobsPerDay,
  maxStoredBytes: own?.maxStoredBytes ?? defaults.maxStoredBytes,
  requestsPerMinute: own?.requestsPerMinute ?? defaults.requestsPerMinute,
});

/** Reads the settings at most every 2 seconds. Throws while none could be read yet. */
export function createTenantLimits(
  store: Pick<TenantStore, 'listTenantSettings'>,
  defaults: TenantLimits,
  now: () => number,
): ReadTenantLimits {
  const read = createKeptRead(
    async () => new Map((await store.listTenantSettings()).map((own) => [own.tenant, own])),
    { keptMs: KEPT_MS },
    now,
  );
  return async () => {
    const settings = await read();
    return (tenant) => limitsOf(settings.get(tenant), defaults);
  };
}
