/** `orchestrator tenants`: what each tenant may take. */
import type { Config } from '../config.ts';
import { migrate } from '../db/migrate.ts';
import { createTenantStore, type TenantSettings } from '../db/tenants.ts';
import { MAX_WEIGHT, MIN_WEIGHT } from '../domain/tenant-policy.ts';
import { OrchestratorError } from '../errors.ts';
import { withDatabase } from './with-database.ts';

type Print = (line: string) => void;

export interface TenantOptions {
  readonly weight?: string;
  readonly maxQueued?: string;
  readonly maxRunning?: string;
}

const MAX_JOBS = 1_000_000_000;
const WHOLE = /^\d{1,10}$/;
const DECIMAL = /^\d{1,4}(\.\d{1,6})?$/;

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
        'Nothing to set: give --weight, --max-queued or --max-running, each a number or "default".',
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
        ].join('  '),
      );
  });

function toChange(options: TenantOptions): Partial<Omit<TenantSettings, 'tenant'>> {
  const { weight, maxQueued, maxRunning } = options;
  return {
    ...(weight === undefined
      ? {}
      : { weight: read('--weight', weight, DECIMAL, MIN_WEIGHT, MAX_WEIGHT) }),
    ...(maxQueued === undefined
      ? {}
      : { maxQueued: read('--max-queued', maxQueued, WHOLE, 0, MAX_JOBS) }),
    ...(maxRunning === undefined
      ? {}
      : { maxRunning: read('--max-running', maxRunning, WHOLE, 0, MAX_JOBS) }),
  };
}

function read(name: string, text: string, form: RegExp, min: number, max: number): number | null {
  if (text === 'default') return null;
  const value = Number(text);
  if (form.test(text) && value >= min && value <= max) return value;
  throw new OrchestratorError(
    'invalid_request',
    `${name}: expected "default" or a ${form === WHOLE ? 'whole ' : ''}number from ${min} to ${max}; seen '${text}'.`,
  );
}
