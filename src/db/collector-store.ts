import type { Sql } from './connect.ts';

export type CollectorStore = ReturnType<typeof createCollectorStore>;

/** Rows the collector deletes. */
export function createCollectorStore(sql: Sql) {
  return {
    /**
     * Finished jobs with their runs, snapshots and callbacks, unless some of those are still to be sent or another job
     * waits for them; at most `limit` at a time. Returns how many went.
     */
    async deleteOldJobs(olderThanDays: number, limit: number): Promise<number> {
      const rows = await sql`
        delete from jobs where id in (
          select id from jobs j where finished_at < now() - ${olderThanDays} * interval '1 day'
            and not exists (
              select from callback_streams s join callback_deliveries d on d.stream_id = s.id
              where s.job_id = j.id and d.state = 'pending')
            and not exists (select from job_dependencies d join jobs w on w.id = d.job_id
              where d.needs_id = j.id and w.awaits_jobs and w.state = 'queued')
          limit ${limit})`;
      return rows.count;
    },

    /** Left by workers that reported in the moment a job ended; running drawings report every few seconds. */
    async deleteOldProgress(): Promise<void> {
      await sql`delete from job_progress where reported_at < now() - interval '1 hour'`;
    },

    /** Of requests whose jobs are all gone; a request that is being accepted has its graphs before its jobs. */
    async deleteUnusedGraphs(): Promise<number> {
      const rows = await sql`
        delete from job_graphs g where g.created_at < now() - interval '1 hour'
          and not exists (select from jobs j where j.batch_id = g.batch_id)`;
      return rows.count;
    },

    /** Keys whose jobs are all gone: a key lives as long as they do. */
    async deleteUnusedIdempotencyKeys(): Promise<number> {
      const rows = await sql`
        delete from idempotency_keys k where not exists (select from jobs j where j.batch_id = k.batch_id)`;
      return rows.count;
    },
  };
}
