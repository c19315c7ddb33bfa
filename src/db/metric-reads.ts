import type { TerminalState } from '../domain/job.ts';
import type { Sql } from './connect.ts';
import { takenOfServer } from './server-room.ts';
import { isLive } from './servers.ts';

/** Active jobs of one pool in one state. */
export interface ActiveJobs {
  readonly pool: string;
  readonly state: 'awaiting' | 'accepted' | 'waiting' | 'held' | 'running';
  readonly count: number;
  /** Age of the oldest in seconds; of `accepted` how long it is overdue. */
  readonly oldestSeconds: number;
}

/** One server with what its leases take. */
export interface ServerLoad {
  readonly id: string;
  readonly pool: string;
  readonly up: boolean;
  readonly draining: boolean;
  readonly room: number;
  readonly used: number;
  readonly leases: number;
  readonly oldestLeaseSeconds: number;
  /** Leases whose job went on without their prompt. */
  readonly withdrawPending: number;
}

/** A job that ended. */
export interface EndedJob {
  readonly id: string;
  readonly type: string;
  readonly outcome: TerminalState;
  readonly code: string;
  readonly attempt: number;
  /** From its acceptance to its end. */
  readonly seconds: number;
  /** When it ended, as the database writes it. */
  readonly endedAt: string;
}

/** Place in the order in which jobs ended. */
export type EndedCursor = Pick<EndedJob, 'id' | 'endedAt'>;

/** A transaction may commit this much later than the time it wrote. */
const SETTLED = '10 seconds';
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

export type MetricReads = ReturnType<typeof createMetricReads>;

/** What metrics read of the database. Each statement walks a partial index: finished jobs cost nothing. */
export function createMetricReads(sql: Sql) {
  return {
    async listActiveJobs(): Promise<ActiveJobs[]> {
      return sql<ActiveJobs[]>`
        select pool, case when held then 'held' when state = 'running' then 'running' else 'waiting' end as state,
          count(*)::int, extract(epoch from now() - min(created_at))::float8 as oldest_seconds
        from jobs where state in ('queued', 'running') and started_at is not null group by 1, 2
        union all
        select pool, case when awaits_jobs then 'awaiting' else 'accepted' end, count(*)::int,
          greatest(0, extract(epoch from now() - min(start_after)))::float8
        from jobs where started_at is null and state = 'queued' group by 1, 2`;
    },

    async oldestCancelSeconds(): Promise<number> {
      const [row] = await sql<{ seconds: number | null }[]>`
        select extract(epoch from now() - min(cancel_requested_at))::float8 as seconds from jobs
        where cancel_requested_at is not null and state in ('queued', 'running')`;
      return row?.seconds ?? 0;
    },

    async listServerLoads(): Promise<ServerLoad[]> {
      return sql<ServerLoad[]>`
        select s.id, s.pool, ${isLive(sql)} as up, s.draining_at is not null as draining, s.room,
          taken.used, taken.held as leases, taken.stale as withdraw_pending,
          (select coalesce(extract(epoch from now() - min(l.granted_at)), 0)::float8
            from leases l where l.server_id = s.id) as oldest_lease_seconds
        from servers s ${takenOfServer(sql)} order by s.id`;
    },

    /** Age of the oldest end whose run's events are not kept yet; 0 when there is none. */
    async oldestNotKeptSeconds(): Promise<number> {
      const [row] = await sql<{ seconds: number | null }[]>`
        select extract(epoch from now() - min(j.finished_at))::float8 as seconds
        from job_runs r join jobs j on j.id = r.job_id where r.events_kept_at is null`;
      return row?.seconds ?? 0;
    },

    /** Callbacks that were not delivered, and the age of the oldest in seconds. */
    async pendingCallbacks(): Promise<{ readonly count: number; readonly oldestSeconds: number }> {
      const [row] = await sql<{ count: number; oldestSeconds: number }[]>`
        select count(*)::int, coalesce(extract(epoch from now() - min(asked_at)), 0)::float8 as oldest_seconds
        from callback_deliveries where state = 'pending'`;
      return row ?? { count: 0, oldestSeconds: 0 };
    },

    /** Where reading of ended jobs begins: now. */
    async endedCursor(): Promise<EndedCursor> {
      const [row] = await sql<{ endedAt: string }[]>`
        select (now() - ${SETTLED}::interval)::text as ended_at`;
      return { endedAt: row?.endedAt ?? 'infinity', id: FIRST_ID };
    },

    /**
     * Jobs that ended after `cursor`, in that order; the last seconds are left for the next time. The time travels as text:
     * the driver would cut it to milliseconds.
     */
    async listEndedAfter(cursor: EndedCursor, limit: number): Promise<EndedJob[]> {
      return sql<EndedJob[]>`
        select id, type, state as outcome, coalesce(failure ->> 'code', 'none') as code, attempt,
          extract(epoch from finished_at - created_at)::float8 as seconds, finished_at::text as ended_at
        from jobs
        where (finished_at, id) > (${cursor.endedAt}::text::timestamptz, ${cursor.id}::uuid)
          and finished_at <= now() - ${SETTLED}::interval
        order by finished_at, id limit ${limit}`;
    },
  };
}
