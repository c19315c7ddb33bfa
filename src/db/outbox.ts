import type { Sql } from './connect.ts';
import type { JobRow } from './job-row.ts';

export type Outbox = ReturnType<typeof createOutbox>;

/** Rows that were committed and that Temporal has not acknowledged, and cancels that have not reached it. */
export function createOutbox(sql: Sql) {
  return {
    async markStarted(ids: readonly string[]): Promise<void> {
      if (ids.length === 0) return;
      await sql`
        update jobs set started_at = now(), changed_at = now()
        where id = any(${ids as string[]}::uuid[]) and started_at is null`;
    },

    /**
     * Hands due rows to `start`, which returns the ids that Temporal acknowledged; those are marked. The rows stay locked
     * meanwhile, so a second starter takes others and a cancel waits for the outcome.
     */
    async takeDue(
      limit: number,
      start: (rows: readonly JobRow[]) => Promise<readonly string[]>,
    ): Promise<number> {
      return sql.begin(async (begun) => {
        const tx = begun as unknown as Sql;
        const rows = await tx<JobRow[]>`
          select * from jobs where started_at is null and state = 'queued' and start_after <= now()
          order by start_after, position limit ${limit} for update skip locked`;
        if (rows.length === 0) return 0;
        await createOutbox(tx).markStarted(await start(rows));
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
