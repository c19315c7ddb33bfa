/** `orchestrator tenants`: what each tenant may take. */
import type { Config } from '../config.ts';
import { migrate } from '../db/migrate.ts';
import { createTenantStore, type TenantSettings } from '../db/tenants.ts';
import { MAX_WEIGHT, MIN_WEIGHT } from '../domain/tenant-policy.ts';
import { OrchestratorError } from '../errors.ts';
import { readSetting } from './read-setting.ts';
import { withDatabase } from './with-database.ts';

type Print = (line: string) => void;

export interface TenantOptions {
  readonly weight?: string;
  readonly maxQueued?: string;
  readonly maxRunning?: string;
  readonly maxJobsPerDay?: string;
  readonly maxStoredBytes?: string;
  readonly requestsPerMinute?: string;
}

/** How each option is read: its name on the command line, the form of the number, its bounds. */
const OPTIONS = {
  weight: ['--weight', 'decimal', MIN_WEIGHT, MAX_WEIGHT],
  maxQueued: ['--max-queued', 'whole', 0, 1_000_000_000],
  maxRunning: ['--max-running', 'whole', 0, 1_000_000_000],
  maxJobsPerDay: ['--max-jobs-per-day', 'whole', 0, 1_000_000_000],
  maxStoredBytes: ['--max-stored-bytes', 'whole', 0, Number.MAX_SAFE_INTEGER],
  requestsPerMinute: ['--requests-per-minute', 'whole', 0, 1_000_000],
} as const satisfies Record<keyof TenantOptions, readonly unknown[]>;
const NAMES = Object.keys(OPTIONS) as (keyof TenantOptions)[];

/** Stores settings of a tenant; running servers follow within seconds. Throws `invalid_request`. */
export const runTenantsSet = (
  config: Config,
  print: Print,
  tenant: string,
  options: TenantOptions,
): Promise<void> =>
  withDatabase(config, async (sql) => {
    const change = toChange(options);
    if (Object.keys(change).length === 0)
      throw new OrchestratorError(
        'invalid_request',
        `Nothing to set: give ${NAMES.map((name) => OPTIONS[name][0]).join(', ')}, each a number or "default".`,
      );
    await migrate(sql);
    await createTenantStore(sql).updateTenant(tenant, change);
    print(`Stored for tenant ${tenant}; jobs that start or are submitted from now on follow it.`);
  });

/** Lists tenants; what a tenant has not set for itself is marked as the default. */
export const runTenantsList = (config: Config, print: Print): Promise<void> =>
  withDatabase(config, async (sql) => {
    await migrate(sql);
    const tenants = await createTenantStore(sql).listTenantUse();
    if (tenants.length === 0) print('No tenant has submitted a job or has settings.');
    const shown = (own: number | null, usual: number | undefined): string =>
      own === null ? `${usual ?? 'no limit'} (default)` : String(own);
    for (const one of tenants)
      print(
        [
          one.tenant,
          `weight ${shown(one.weight, config.TENANT_WEIGHT)}`,
          `queued ${one.queued} of ${shown(one.maxQueued, config.TENANT_MAX_QUEUED)}`,
          `running ${one.running} of ${shown(one.maxRunning, config.TENANT_MAX_RUNNING)}`,
          `jobs today ${one.jobsToday} of ${shown(one.maxJobsPerDay, config.TENANT_MAX_JOBS_PER_DAY)}`,
          `stored bytes ${one.storedBytes} of ${shown(one.maxStoredBytes, config.TENANT_MAX_STORED_BYTES)}`,
          `requests/min ${shown(one.requestsPerMinute, config.RATE_LIMIT_PER_MINUTE || undefined)}`,
        ].join('  '),
      );
  });

const toChange = (options: TenantOptions): Partial<Omit<TenantSettings, 'tenant'>> =>
  Object.fromEntries(
    NAMES.flatMap((name) => {
      const text = options[name];
      if (text === undefined) return [];
      return [
        [name, text === 'default' ? null : readSetting(OPTIONS[name][0], text, ...bounds(name))],
      ];
    }),
  );

const bounds = (name: keyof TenantOptions): ['whole' | 'decimal', number, number] => {
  const [, form, min, max] = OPTIONS[name];
  return [form, min, max];
};
