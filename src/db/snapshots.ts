import type { JobEvent } from '../client/verbs.ts';
import type { Sql } from './connect.ts';
import { lazyCommit } from './lazy-commit.ts';

export interface EventSnapshot {
  readonly runId: string;
  readonly runIndex: number;
  readonly status: string;
  readonly events: readonly JobEvent[];
}

/** Events of a run that has just closed. */
export interface NewSnapshot extends Omit<EventSnapshot, 'runIndex'> {
  readonly jobId: string;
}

export type SnapshotStore = ReturnType<typeof createSnapshotStore>;

/** Events of closed runs, which outlive Temporal's history. */
export function createSnapshotStore(sql: Sql) {
  return {
    /**
     * Keeps the events of closed runs; a job that is gone is no error. What a crash of the database loses of it is not
     * marked as kept either, and is read again. Returns the ids of the runs whose events were not kept before.
     */
    async insertSnapshots(snapshots: readonly NewSnapshot[]): Promise<readonly string[]> {
      const kept = await sql<{ runId: string }[]>`
        with ${lazyCommit(sql)},
        taken as (
          select * from commit cross join jsonb_to_recordset(${sql.json(storable(snapshots) as never)})
            as taken ("jobId" uuid, "runId" text, status text, events jsonb)
        ), kept as (
          update job_runs set events_kept_at = now() from taken
          where job_runs.job_id = taken."jobId" and job_runs.run_id = taken."runId"
        )
        insert into event_snapshots (job_id, run_id, run_index, status, events)
        select j.id, taken."runId", coalesce(r.run_index, j.run_index), taken.status, taken.events
        from taken join jobs j on j.id = taken."jobId"
          left join job_runs r on r.job_id = j.id and r.run_id = taken."runId"
        on conflict (job_id, run_id) do nothing
        returning run_id`;
      return kept.map(({ runId }) => runId);
    },

    /** Runs whose job ended or went on with another run and whose events are not kept, oldest first. */
    async listNotKept(
      limit: number,
    ): Promise<{ readonly jobId: string; readonly runId: string }[]> {
      return sql<{ jobId: string; runId: string }[]>`
        select r.job_id, r.run_id from job_runs r join jobs j on j.id = r.job_id
        where r.events_kept_at is null and (j.finished_at is not null or j.run_id is distinct from r.run_id)
        order by r.opened_at limit ${limit}`;
    },

    /** Events of a run that Temporal does not know any more are asked for no longer. */
    async giveUpEvents(jobId: string, runId: string): Promise<void> {
      await sql`
        update job_runs set events_kept_at = now() where job_id = ${jobId} and run_id = ${runId}`;
    },

    /** Oldest run first. */
    async listSnapshots(jobId: string): Promise<EventSnapshot[]> {
      return sql<EventSnapshot[]>`
        select run_id, run_index, status, events from event_snapshots
        where job_id = ${jobId} order by run_index, taken_at`;
    },

    async findWatermark(name: string): Promise<Date | undefined> {
      const [row] = await sql<{ at: Date }[]>`select at from watermarks where name = ${name}`;
      return row?.at;
    },

    async updateWatermark(name: string, at: Date): Promise<void> {
      await sql`
        insert into watermarks (name, at) values (${name}, ${at})
        on conflict (name) do update set at = greatest(watermarks.at, excluded.at)`;
    },
  };
}

/** jsonb refuses NUL and lone surrogates, which error texts of a server may contain. */
const storable = (snapshots: readonly NewSnapshot[]): unknown =>
  JSON.parse(
    JSON.stringify(snapshots, (_name, value: unknown) =>
      typeof value === 'string' ? value.replace(/\0|\p{Surrogate}/gu, '\ufffd') : value,
    ),
  );
