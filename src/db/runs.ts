import {
  stageRank,
  type JobFailure,
  type Lease,
  type Stage,
  type TerminalState,
} from '../domain/job.ts';
import { blobsInsert } from './blobs.ts';
import type { Sql } from './connect.ts';
import { needsColumns, type StoredNeeds } from './job-needs.ts';
import type { JobOutput } from './job-row.ts';
import { lazyCommit } from './lazy-commit.ts';
import { gaveRoomBack, readRoom, type ServerRoom } from './server-room.ts';

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

/** What came of ending a run; the database looked at all of it in the statement that wrote the end. */
export interface RunEnd {
  /** False when the row had ended before, or another run superseded this one: then the rest says nothing. */
  readonly isDone: boolean;
  readonly freesRoom: boolean;
  /** Other jobs wait for this one. */
  readonly isNeeded: boolean;
  /** A callback may tell of it. */
  readonly isTold: boolean;
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

const NOTHING_ENDED: RunEnd = {
  isDone: false,
  freesRoom: false,
  isNeeded: false,
  isTold: false,
};

/** A run that asks for a server, with what its job needs of one. */
export type ClaimingRun = OpenRun &
  StoredNeeds & {
    /** Room of the servers of the pool that was asked for, else null. */
    readonly servers: readonly ServerRoom[] | null;
  };

/** What is to be known of a run beside its number; `wait` is for the disk, or is left to the next commit. */
interface RunReading {
  readonly wait: boolean;
  readonly needs: boolean;
  /** Pool whose servers' room is read as well. */
  readonly pool?: string | undefined;
}

/** SQL: columns of an `OpenRun` of job `j`, apart from its number, or of a `ClaimingRun`. */
const runColumns = (sql: Sql, isNew: boolean, { needs, pool }: RunReading) =>
  sql`j.generation ->> 'model' as model, ${isNew} as is_new ${needs ? sql`, ${needsColumns(sql)}, ${roomColumn(sql, pool)}` : sql``}`;

/** SQL: without a pool a statement of its own, or PostgreSQL would plan both anew each time. */
const roomColumn = (sql: Sql, pool: string | undefined) =>
  pool === undefined
    ? sql`null as servers`
    : sql`(select coalesce(jsonb_agg(to_jsonb(r) order by r.id), '[]') from (${readRoom(sql, pool)}) r) as servers`;

const findRun = async <Run extends OpenRun>(
  tx: Sql,
  jobId: string,
  runId: string,
  reading: RunReading,
): Promise<Run | undefined> => {
  const [run] = await tx<Run[]>`
    select r.run_index, ${runColumns(tx, false, reading)}
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
   * row is locked first, and another try of the same run that was quicker makes the insert do nothing.
   */
  const insertRun = async <Run extends OpenRun>(
    tx: Sql,
    jobId: string,
    runId: string,
    reading: RunReading,
  ): Promise<Run | undefined> => {
    // A row that ended before any run opened was cancelled before Temporal acknowledged the start.
    const [opened] = await tx<Run[]>`
      with job as (
        select id, run_index + 1 as next from jobs
        where id = ${jobId} and (run_index > 0 or state in ('queued', 'running')) for update
      ), run as (
        insert into job_runs (job_id, run_id, run_index) select id, ${runId}, next from job
        on conflict (job_id, run_id) do nothing returning run_index
      ), commit as materialized (
        select case when ${!reading.wait} then set_config('synchronous_commit', 'off', true) end
      )
      update jobs j set run_id = ${runId}, run_index = run.run_index, attempt = 0, stage_rank = 0,
        state = 'queued', held = false, server_id = null, outputs = null, failure = null, finished_at = null,
        started_at = coalesce(started_at, now()), changed_at = now(),
        cancel_requested_at = case when j.run_index > 0 then null else cancel_requested_at end
      from run cross join commit where j.id = ${jobId}
      returning j.run_index, ${runColumns(tx, true, reading)}`;
    return opened;
  };

  /** Repeating it changes nothing. */
  const openRun = async (tx: Sql, jobId: string, runId: string): Promise<number | undefined> => {
    const reading = { wait: true, needs: false };
    const run =
      (await findRun(tx, jobId, runId, reading)) ??
      (await insertRun(tx, jobId, runId, reading)) ??
      // Opened by another try while this one waited for the row.
      (await findRun(tx, jobId, runId, reading));
    return run?.runIndex;
  };

  const openLazily = async <Run extends OpenRun>(
    jobId: string,
    runId: string,
    what: Omit<RunReading, 'wait'>,
  ): Promise<Run | undefined> => {
    const reading = { wait: false, ...what };
    return (
      (await insertRun<Run>(sql, jobId, runId, reading)) ?? findRun<Run>(sql, jobId, runId, reading)
    );
  };

  /** `isOpened`: the run has its number. */
  const endRun = async (record: FinishRecord): Promise<RunEnd & { readonly isOpened: boolean }> => {
    const { jobId, runId, tenant, blobExpiresAt: expiresAt } = record;
    const outputs = record.outputs?.map(({ storageKey: _key, sha256: _sum, ...output }) => output);
    const blobs = (record.outputs ?? []).map(({ blobKey: id, text: _text, ...output }) => ({
      ...{ id, tenant, jobId, expiresAt },
      ...output,
    }));
    const [seen] = await sql<(RunEnd & { isOpened: boolean })[]>`
      with freed as (
        delete from leases where ${record.releaseLease} and job_id = ${jobId} and run_id = ${runId}
          and attempt = ${record.attempt} returning server_id, drawn_at
      ), progress as (
        delete from job_progress where job_id = ${jobId}
      ), run as (
        select run_index from job_runs where job_id = ${jobId} and run_id = ${runId}
      ), ended as (
        update jobs set state = ${record.state}, attempt = ${record.attempt}, stage_rank = ${stageRank('finish')},
          outputs = ${outputs ? sql.json(outputs as never) : null},
          failure = ${record.failure ? sql.json(record.failure as never) : null},
          held = false, finished_at = now(), changed_at = now()
        where id = ${jobId} and state in ('queued', 'running') and run_index = (select run_index from run)
        returning callback_url
      ), stored as (${blobsInsert(sql, blobs, sql`exists (select from ended)`)})
      select exists (select from ended) as is_done, exists (select from run) as is_opened,
        exists (select from freed l where ${gaveRoomBack(sql)}) as frees_room,
        exists (select from job_dependencies where needs_id = ${jobId}) as is_needed,
        exists (select from ended where callback_url is not null) as is_told`;
    return { ...NOTHING_ENDED, isOpened: false, ...seen };
  };

  return {
    /**
     * Undefined when the job is gone or was cancelled before it started. What a crash of the database loses of it the
     * claim repeats; a grant, being a later commit, makes it last.
     */
    openRun: (jobId: string, runId: string): Promise<OpenRun | undefined> =>
      openLazily<OpenRun>(jobId, runId, { needs: false }),

    /** The same for a drawing, in one statement with what it needs, and with the room in a pool when one is named. */
    openClaim: (jobId: string, runId: string, pool?: string): Promise<ClaimingRun | undefined> =>
      openLazily<ClaimingRun>(jobId, runId, { needs: true, pool }),

    /** Notes that an attempt reached a stage. A crash of the database may lose the note: it only informs. */
    async advance(lease: Lease, stage: Stage, promptRequest: string | null = null): Promise<void> {
      await sql`
        with ${lazyCommit(sql)}
        update jobs set stage_rank = ${stageRank(stage)}, attempt = ${lease.attempt}, server_id = ${lease.serverId},
          state = 'running', prompt_request = ${promptRequest}, changed_at = now()
        from commit where id = ${lease.jobId} and run_index = ${lease.runIndex} and state in ('queued', 'running')
          and (attempt, stage_rank) < (${lease.attempt}, ${stageRank(stage)})`;
    },

    /** Ends the job: row, outputs and lease in one statement. Repeating it changes nothing. */
    async finish(record: FinishRecord): Promise<RunEnd> {
      const { isOpened, ...end } = await endRun(record);
      if (end.isDone || isOpened) return end;
      // The run ends without having asked for a server: it was cancelled before, or is a reset to its end.
      const opened = await openRun(sql, record.jobId, record.runId);
      return opened === undefined ? end : endRun(record);
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
