import type { TenantStore } from '../db/tenants.ts';
import type { TenantPolicy } from '../domain/tenant-policy.ts';
import { createKeptRead } from './kept-read.ts';

export interface TenantPoliciesOptions {
  readonly store: Pick<TenantStore, 'listTenantSettings'>;
  readonly defaults: TenantPolicy;
  readonly now: () => number;
}

/** The policy of any tenant; a change is seen within seconds. */
export type TenantPolicies = () => Promise<(tenant: string) => TenantPolicy>;

const KEPT_MS = 2_000;

/** Reads the settings at most every 2 seconds; while they cannot be read, what was read last counts, or the defaults. */
export function createTenantPolicies(options: TenantPoliciesOptions): TenantPolicies {
  const { store, defaults, now } = options;
  const read = createKeptRead(
    async () => {
      const settings = await store.listTenantSettings();
      return new Map(
        settings.map(({ tenant, weight, maxRunning }): [string, TenantPolicy] => [
          tenant,
          { weight: weight ?? defaults.weight, maxRunning: maxRunning ?? defaults.maxRunning },
        ]),
      );
    },
    { keptMs: KEPT_MS },
    now,
  );
  return async () => {
    const policies = await read().catch(() => new Map<string, TenantPolicy>());
    return (tenant) => policies.get(tenant) ?? defaults;
  };
}
