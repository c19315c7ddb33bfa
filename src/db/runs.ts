import {
  stageRank,
  type JobFailure,
  type Lease,
  type Stage,
  type TerminalState,
} from '../domain/job.ts';
import { blobsInsert } from './blobs.ts';
import type { Sql } from './connect.ts';
import type { JobOutput } from './job-row.ts';

export interface FinishRecord {
  readonly jobId: string;
  readonly tenant: string;
  readonly runId: string;
  readonly attempt: number;
  readonly state: TerminalState;
  readonly releaseLease: boolean;
  readonly outputs?: readonly (JobOutput & { storageKey: string; sha256: string })[];
  readonly failure?: JobFailure;
  readonly blobExpiresAt: Date;
}

export type RunStore = ReturnType<typeof createRunStore>;

/** A run of a job that has its number. */
export interface OpenRun {
  readonly runIndex: number;
  /** AIR of the checkpoint that the job needs. */
  readonly model: string;
  /** No try before this one asked for the run, so nothing was granted to it. */
  readonly isNew: boolean;
}

const findRun = async (tx: Sql, jobId: string, runId: string): Promise<OpenRun | undefined> => {
  const [run] = await tx<OpenRun[]>`
    select r.run_index, j.generation ->> 'model' as model, false as is_new
    from job_runs r join jobs j on j.id = r.job_id where r.job_id = ${jobId} and r.run_id = ${runId}`;
  return run;
};

/**
 * The projection of runs onto job rows. Every write carries (run index, attempt, stage) and applies only when that is
 * greater than what the row has, so late tries of older attempts and runs change nothing.
 */
export function createRunStore(sql: Sql) {
  /**
   * Numbers a Temporal run that has no number yet and lets it supersede the row of the run before. One statement: the
   * row is locked first, and another try of the same run that was quicker makes the insert do nothing. `lazily` leaves
   * the wait for the disk to the next commit.
   */
  const insertRun = async (
    tx: Sql,
    jobId: string,
    runId: string,
    lazily: boolean,
  ): Promise<OpenRun | undefined> => {
    // A row that ended before any run opened was cancelled before Temporal acknowledged the start.
    const [opened] = await tx<OpenRun[]>`
      with job as (
        select id, run_index + 1 as next from jobs
        where id = ${jobId} and (run_index > 0 or state in ('queued', 'running')) for update
      ), run as (
        insert into job_runs (job_id, run_id, run_index) select id, ${runId}, next from job
        on conflict (job_id, run_id) do nothing returning run_index
      ), commit as materialized (
        select case when ${lazily} then set_config('synchronous_commit', 'off', true) end
      )
      update jobs set run_id = ${runId}, run_index = run.run_index, attempt = 0, stage_rank = 0,
        state = 'queued', held = false, server_id = null, outputs = null, failure = null, finished_at = null,
        started_at = coalesce(started_at, now()), changed_at = now(),
        cancel_requested_at = case when jobs.run_index > 0 then null else cancel_requested_at end
      from run cross join commit where jobs.id = ${jobId}
      returning jobs.run_index, jobs.generation ->> 'model' as model, true as is_new`;
    return opened;
  };

  /** Repeating it changes nothing. */
  const openRun = async (tx: Sql, jobId: string, runId: string): Promise<number | undefined> => {
    const run =
      (await findRun(tx, jobId, runId)) ??
      (await insertRun(tx, jobId, runId, false)) ??
      // Opened by another try while this one waited for the row.
      (await findRun(tx, jobId, runId));
    return run?.runIndex;
  };

  /** `isOpened`: the run has its number. */
  const endRun = async (
    record: FinishRecord,
  ): Promise<{ readonly isDone: boolean; readonly isOpened: boolean }> => {
    const { jobId, runId, tenant, blobExpiresAt: expiresAt } = record;
    const outputs = record.outputs?.map(({ storageKey: _key, sha256: _sum, ...output }) => output);
    const blobs = (record.outputs ?? []).map(({ blobKey: id, ...output }) => ({
      ...{ id, tenant, jobId, expiresAt },
      ...output,
    }));
    const [seen] = await sql<{ isDone: boolean; isOpened: boolean }[]>`
      with freed as (
        delete from leases where ${record.releaseLease} and job_id = ${jobId} and run_id = ${runId}
          and attempt = ${record.attempt}
      ), progress as (
        delete from job_progress where job_id = ${jobId}
      ), run as (
        select run_index from job_runs where job_id = ${jobId} and run_id = ${runId}
      ), ended as (
        update jobs set state = ${record.state}, attempt = ${record.attempt}, stage_rank = ${stageRank('finish')},
          outputs = ${outputs ? sql.json(outputs) : null},
          failure = ${record.failure ? sql.json(record.failure as never) : null},
          held = false, finished_at = now(), changed_at = now()
        where id = ${jobId} and state in ('queued', 'running') and run_index = (select run_index from run)
        returning id
      ), stored as (${blobsInsert(sql, blobs, sql`exists (select from ended)`)})
      select exists (select from ended) as is_done, exists (select from run) as is_opened`;
    return { isDone: false, isOpened: false, ...seen };
  };

  return {
    /**
     * Undefined when the job is gone or was cancelled before it started. What a crash of the database loses of it the
     * claim repeats; a grant, being a later commit, makes it last.
     */
    openRun: async (jobId: string, runId: string): Promise<OpenRun | undefined> =>
      (await insertRun(sql, jobId, runId, true)) ?? findRun(sql, jobId, runId),

    /** Notes that an attempt reached a stage. A crash of the database may lose the note: it only informs. */
    async advance(lease: Lease, stage: Stage, promptRequest: string | null = null): Promise<void> {
      await sql`
        with commit as materialized (select set_config('synchronous_commit', 'off', true))
        update jobs set stage_rank = ${stageRank(stage)}, attempt = ${lease.attempt}, server_id = ${lease.serverId},
          state = 'running', prompt_request = ${promptRequest}, changed_at = now()
        from commit where id = ${lease.jobId} and run_index = ${lease.runIndex} and state in ('queued', 'running')
          and (attempt, stage_rank) < (${lease.attempt}, ${stageRank(stage)})`;
    },

    /** Ends the job: row, outputs and lease in one statement. Repeating it changes nothing. */
    async finish(record: FinishRecord): Promise<boolean> {
      const { isDone, isOpened } = await endRun(record);
      if (isDone || isOpened) return isDone;
      // The run ends without having asked for a server: it was cancelled before, or is a reset to its end.
      const opened = await openRun(sql, record.jobId, record.runId);
      return opened !== undefined && (await endRun(record)).isDone;
    },

    /** Holds or frees a waiting job, and gives back a lease that was granted in the same moment. */
    async setHeld(jobId: string, runId: string, attempt: number, held: boolean): Promise<void> {
      await sql.begin(async (begun) => {
        const tx = begun as unknown as Sql;
        const runIndex = await openRun(tx, jobId, runId);
        if (runIndex === undefined) return;
        await tx`
          update jobs set held = ${held}, changed_at = now(),
            state = case when ${held} then 'queued' else state end
          where id = ${jobId} and run_index = ${runIndex} and state in ('queued', 'running')`;
        if (held)
          await tx`delete from leases where job_id = ${jobId} and run_id = ${runId} and attempt = ${attempt}`;
      });
    },
  };
}
