import type { JobEvent } from '../client/verbs.ts';
import type { Sql } from './connect.ts';

export interface EventSnapshot {
  readonly runId: string;
  readonly runIndex: number;
  readonly status: string;
  readonly events: readonly JobEvent[];
}

export type SnapshotStore = ReturnType<typeof createSnapshotStore>;

/** Events of closed runs, which outlive Temporal's history. */
export function createSnapshotStore(sql: Sql) {
  return {
    /** Keeps a closed run's events; a job that is gone is no error. */
    async insertSnapshot(jobId: string, snapshot: Omit<EventSnapshot, 'runIndex'>): Promise<void> {
      await sql`
        insert into event_snapshots (job_id, run_id, run_index, status, events)
        select j.id, ${snapshot.runId}, coalesce(r.run_index, j.run_index), ${snapshot.status},
          ${sql.json(storable(snapshot.events) as never)}
        from jobs j left join job_runs r on r.job_id = j.id and r.run_id = ${snapshot.runId}
        where j.id = ${jobId}
        on conflict (job_id, run_id) do nothing`;
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
const storable = (events: readonly JobEvent[]): unknown =>
  JSON.parse(
    JSON.stringify(events, (_name, value: unknown) =>
      typeof value === 'string' ? value.replace(/\0|\p{Surrogate}/gu, '\ufffd') : value,
    ),
  );
