import type { JobFailure, TerminalState } from '../domain/job.ts';
import type { TaskResult } from '../domain/task.ts';
import type { Sql } from './connect.ts';

export type Closing = ReturnType<typeof createClosing>;

/** What the closer writes: ends that no code of ours could write. */
export function createClosing(sql: Sql) {
  return {
    /** Ends the row of a closed run, unless it ended already or another run superseded it. True when it changed. */
    async endRun(
      jobId: string,
      runId: string,
      state: TerminalState,
      failure: JobFailure | undefined,
      task?: TaskResult,
    ): Promise<boolean> {
      return sql.begin<boolean>(async (begun) => {
        const tx = begun as unknown as Sql;
        const rows = await tx<{ runIndex: number }[]>`
          update jobs set state = ${state}, failure = ${failure ? tx.json(failure as never) : null},
            run_id = ${runId}, run_index = case when run_id = ${runId} then run_index else run_index + 1 end,
            task_result = coalesce(task_result, ${task ? tx.json(task as never) : null}),
            held = false, finished_at = now(), changed_at = now()
          where id = ${jobId} and state in ('queued', 'running') and started_at is not null
            and (run_id is null or run_id = ${runId}
              or not exists (select from job_runs r where r.job_id = jobs.id and r.run_id = ${runId}))
          returning run_index`;
        // A run that ended before it asked for a server is numbered here, so that a reset of it is the next one.
        for (const { runIndex } of rows)
          await tx`
            insert into job_runs (job_id, run_id, run_index) values (${jobId}, ${runId}, ${runIndex})
            on conflict (job_id, run_id) do nothing`;
        return rows.length > 0;
      });
    },

    /** Ends the row of a job whose run Temporal does not know any more. True when it changed. */
    async loseHistory(jobId: string): Promise<boolean> {
      const failure = {
        code: 'history_lost',
        message:
          'Temporal no longer knows this job (its workflow was deleted, or Temporal was set up anew or from an older backup). Submit it again if it is still wanted.',
      };
      const rows = await sql`
        update jobs set state = 'failed', failure = ${sql.json(failure)}, held = false, finished_at = now(),
          changed_at = now()
        where id = ${jobId} and state in ('queued', 'running') and started_at is not null`;
      return rows.count > 0;
    },

    /** Active jobs in the order of their ids, from after `cursor`; those that changed just now are left alone. */
    async listActiveAfter(cursor: string, limit: number): Promise<string[]> {
      const rows = await sql<{ id: string }[]>`
        select id from jobs where state in ('queued', 'running') and started_at < now() - interval '2 seconds'
          and id > ${cursor} order by id limit ${limit}`;
      return rows.map((row) => row.id);
    },
  };
}
