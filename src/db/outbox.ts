import type { Sql } from './connect.ts';
import type { JobRow } from './job-row.ts';

export type Outbox = ReturnType<typeof createOutbox>;

const isDue = (sql: Sql) => sql`started_at is null and state = 'queued' and start_after <= now()`;

/** At most `limit` tenants with due rows: those behind `last` in the alphabet, then from its beginning. */
async function tenantsInTurn(sql: Sql, last: string, limit: number): Promise<string[]> {
  // From tenant to tenant over the index, however many rows each has.
  const next = async (after: string, count: number): Promise<string[]> => {
    const rows = await sql<{ tenant: string }[]>`
      with recursive turn as (
        (select tenant from jobs where ${isDue(sql)} and tenant > ${after} order by tenant limit 1)
        union all
        select following.tenant from turn cross join lateral (
          select tenant from jobs where ${isDue(sql)} and tenant > turn.tenant order by tenant limit 1
        ) as following
      )
      select tenant from turn limit ${count}`;
    return rows.map(({ tenant }) => tenant);
  };
  const behind = await next(last, limit);
  if (behind.length === limit || last === '') return behind;
  const fromStart = await next('', limit - behind.length);
  return [...behind, ...fromStart.filter((tenant) => !behind.includes(tenant))];
}

/** Rows that were committed and that Temporal has not acknowledged, and cancels that have not reached it. */
export function createOutbox(sql: Sql) {
  let lastTenant = '';

  const markStarted = async (tx: Sql, ids: readonly string[]): Promise<void> => {
    if (ids.length === 0) return;
    await tx`
      update jobs set started_at = now(), changed_at = now()
      where id = any(${ids as string[]}::uuid[]) and started_at is null`;
  };

  return {
    markStarted: (ids: readonly string[]): Promise<void> => markStarted(sql, ids),

    /**
     * Hands at most `limit` due rows to `start`, which returns the ids that Temporal acknowledged; those are marked. The
     * rows stay locked meanwhile, so a second starter takes others and a cancel waits for the outcome. Tenants take
     * turns, so that a large batch of one keeps nobody else out; of a tenant's rows better levels go first.
     */
    async takeDue(
      limit: number,
      start: (rows: readonly JobRow[]) => Promise<readonly string[]>,
    ): Promise<number> {
      // Mostly there is nothing, and then no transaction either.
      const tenants = await tenantsInTurn(sql, lastTenant, limit);
      if (tenants.length === 0) return 0;
      lastTenant = tenants.at(-1) ?? '';
      return sql.begin(async (begun) => {
        const tx = begun as unknown as Sql;
        const rows = await tx<JobRow[]>`
          select j.* from unnest(${tenants}::text[]) as due_tenant cross join lateral (
            select * from jobs where tenant = due_tenant and ${isDue(tx)}
            order by priority, start_after, position limit ${Math.floor(limit / tenants.length)}
            for update skip locked
          ) as j`;
        await markStarted(tx, rows.length === 0 ? [] : await start(rows));
        return rows.length;
      });
    },

    /** Jobs whose cancel was asked for more than `ageMs` ago and that are still active. */
    async listUndeliveredCancels(ageMs: number, limit: number): Promise<string[]> {
      const rows = await sql<{ id: string }[]>`
        select id from jobs where cancel_requested_at < now() - ${ageMs} * interval '1 millisecond'
          and state in ('queued', 'running') and started_at is not null
        order by cancel_requested_at limit ${limit}`;
      return rows.map((row) => row.id);
    },
  };
}
