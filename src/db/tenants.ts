import type { Sql } from './connect.ts';

/** A tenant's own settings; null means the default of the environment. */
export interface TenantSettings {
  readonly tenant: string;
  readonly weight: number | null;
  readonly maxQueued: number | null;
  readonly maxRunning: number | null;
}

/** The same with what it has at the moment. */
export interface TenantUse extends TenantSettings {
  readonly queued: number;
  readonly running: number;
}

export type TenantStore = ReturnType<typeof createTenantStore>;

/** Settings of tenants. A tenant needs no row to submit jobs. */
export function createTenantStore(sql: Sql) {
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
        select tenant, weight, max_queued, max_running from tenants
        where weight is not null or max_queued is not null or max_running is not null`;
    },

    /** Tenants with a setting, a job or a lease, and what they have. */
    async listTenantUse(): Promise<TenantUse[]> {
      return sql<TenantUse[]>`
        with queue as (
          select tenant, count(*)::int as queued from jobs where state = 'queued' group by tenant
        ), servers as (
          select tenant, count(*)::int as running from leases group by tenant
        )
        select tenant, t.weight, t.max_queued, t.max_running,
          coalesce(q.queued, 0) as queued, coalesce(s.running, 0) as running
        from tenants t full join queue q using (tenant) full join servers s using (tenant)
        order by tenant`;
    },
  };
}
