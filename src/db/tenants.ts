import type { PendingQuery, Row } from 'postgres';
import type { Sql } from './connect.ts';

/** A tenant's own settings; null means the default of the environment. */
export interface TenantSettings {
  readonly tenant: string;
  readonly weight: number | null;
  readonly maxQueued: number | null;
  readonly maxRunning: number | null;
  readonly maxJobsPerDay: number | null;
  readonly maxStoredBytes: number | null;
  /** Of each of its keys that has no number of its own; 0 for no limit. */
  readonly requestsPerMinute: number | null;
}

/** The same with what it has at the moment. */
export interface TenantUse extends TenantSettings {
  readonly queued: number;
  readonly running: number;
  /** Accepted since midnight UTC. */
  readonly jobsToday: number;
  readonly storedBytes: number;
}

export type TenantStore = ReturnType<typeof createTenantStore>;

/** Settings of tenants. A tenant needs no row to submit jobs. */
export function createTenantStore(sql: Sql) {
  const columns = sql`weight, max_queued, max_running, max_jobs_per_day, max_stored_bytes, requests_per_minute`;

  const readUse = async (which: PendingQuery<Row[]>): Promise<TenantUse[]> =>
    sql<TenantUse[]>`
      with queue as (
        select tenant, count(*)::int as waiting from jobs where state = 'queued' and ${which} group by tenant
      ), servers as (
        select tenant, count(*)::int as running from leases where ${which} group by tenant
      ), files as (
        select tenant, sum(bytes)::bigint as stored_bytes from blobs
        where expires_at > now() and ${which} group by tenant
      ), own as (
        select * from tenants where ${which}
      )
      select tenant, ${columns}, coalesce(waiting, 0) as queued, coalesce(running, 0) as running,
        coalesce(${jobsToday(sql)}, 0) as jobs_today, coalesce(stored_bytes, 0) as stored_bytes
      from own full join queue using (tenant) full join servers using (tenant) full join files using (tenant)
      order by tenant`;

  return {
    /** Changes what is given; null goes back to the default. */
    async updateTenant(
      tenant: string,
      change: Partial<Omit<TenantSettings, 'tenant'>>,
    ): Promise<void> {
      await sql`
        insert into tenants ${sql({ tenant, ...change })}
        on conflict (tenant) do update set ${
          Object.keys(change).length > 0 ? sql(change as never) : sql`tenant = excluded.tenant`
        }`;
    },

    /** Tenants with a setting of their own. */
    async listTenantSettings(): Promise<TenantSettings[]> {
      return sql<TenantSettings[]>`
        select tenant, ${columns} from tenants where num_nonnulls(${columns}) > 0`;
    },

    /** Tenants with a setting, a job, a lease or a file, and what they have. */
    listTenantUse: (): Promise<TenantUse[]> => readUse(sql`true`),

    /** The same of one tenant; undefined when it has nothing. */
    async findTenantUse(tenant: string): Promise<TenantUse | undefined> {
      const [use] = await readUse(sql`tenant = ${tenant}`);
      return use;
    },
  };
}

/** The day of quotas, which begins at midnight UTC, by the clock of the database. */
export const today = (sql: Sql) => sql`(now() at time zone 'utc')::date`;

/** Jobs that a row of `tenants` has accepted today. A day later than today was noted by a quicker neighbour. */
export const jobsToday = (sql: Sql) => sql`case when day >= ${today(sql)} then day_jobs else 0 end`;
