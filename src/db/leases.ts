import { isTerminal, stageRank, type Lease } from '../domain/job.ts';
import type { Sql } from './connect.ts';
import type { JobRow } from './job-row.ts';
import { isLive } from './servers.ts';

export interface GrantRequest {
  readonly jobId: string;
  readonly runId: string;
  readonly attempt: number;
  readonly tenant: string;
  readonly serverId: string;
  readonly model: string;
  readonly reason: string;
  readonly traceId: string;
  /** Jobs the tenant may have on servers at a time. (Default: no limit) */
  readonly tenantLimit?: number;
  promptId(runIndex: number): string;
}

export type GrantAnswer =
  | { readonly outcome: 'granted'; readonly lease: Lease }
  /** Another placer was quicker, or the server takes nothing new: it drains, or has a prompt to be withdrawn first. */
  | { readonly outcome: 'full' }
  | { readonly outcome: 'held' }
  /** The job ended, or another run or a later attempt superseded this one. */
  | { readonly outcome: 'closed' };

/** A server of a pool with the room that is left on it. */
export interface ServerRoom {
  readonly id: string;
  readonly pool: string;
  /** None while a prompt is on the server that must be withdrawn first. */
  readonly room: number;
  readonly used: number;
  /** It answers and takes jobs: it is not being drained. */
  readonly reachable: boolean;
  readonly draining: boolean;
  /** AIR of the model of the latest grant since its process began. */
  readonly warmModel: string | null;
}

/** A lease whose prompt was just drawn, with what was known of its server before. */
export interface Drawn {
  readonly model: string;
  /** Average of its drawings, in milliseconds. */
  readonly drawMs: number | null;
  readonly loadedModel: string | null;
}

interface LeaseRow {
  readonly jobId: string;
  readonly runId: string;
  readonly runIndex: number;
  readonly attempt: number;
  readonly serverId: string;
  readonly promptId: string;
  readonly model: string;
  readonly reason: string;
  readonly traceId: string;
  readonly grantedAt: Date;
}

export type LeaseStore = ReturnType<typeof createLeaseStore>;

const GRANT_COLUMNS = ['runId', 'runIndex', 'attempt', 'state', 'held'] as const;

const toLease = (row: LeaseRow): Lease => ({
  jobId: row.jobId,
  runId: row.runId,
  runIndex: row.runIndex,
  attempt: row.attempt,
  serverId: row.serverId,
  promptId: row.promptId,
  model: row.model,
  reason: row.reason,
  grantedAt: row.grantedAt.toISOString(),
  traceId: row.traceId,
});

/** Results of one server that may be on their way into the blob store beside its room; a slow store ends the granting. */
const STORED_BESIDE = 4;

/** SQL condition on a lease `l` that was just deleted: its server has more room without it. */
export const gaveRoomBack = (sql: Sql) => sql`
  (l.drawn_at is null or ${STORED_BESIDE} < (
    select count(*) from leases o where o.server_id = l.server_id and o.drawn_at is not null))`;

/** SQL expression over leases `l`: room that their server has given away. */
export const roomTaken = (sql: Sql) =>
  sql`greatest(count(l.*) filter (where l.drawn_at is null), count(l.*) - ${STORED_BESIDE})::int`;

/** SQL condition on a lease `l`: its prompt may still be on the server though its job went on without it (given up, over, superseded). */
export const isStalePrompt = (sql: Sql) => sql`
  (l.drawn_at is null and (l.given_up_at is not null or exists (
    select from jobs j where j.id = l.job_id and (j.state not in ('queued', 'running')
      or j.run_id is distinct from l.run_id or j.attempt > l.attempt))))`;

/** SQL expression over leases `l`: nothing new goes to their server before a stale prompt is withdrawn, or the two would share the GPU. */
const hasStalePrompt = (sql: Sql) => sql`coalesce(bool_or(${isStalePrompt(sql)}), false)`;

/** How many jobs each tenant has on servers, of all pools; a tenant without any is left out. */
export async function countRunning(sql: Sql): Promise<Map<string, number>> {
  const rows = await sql<{ tenant: string; running: number }[]>`
    select tenant, count(*)::int as running from leases where drawn_at is null group by tenant`;
  return new Map(rows.map(({ tenant, running }) => [tenant, running]));
}

async function countOf(sql: Sql, tenant: string): Promise<number> {
  const [row] = await sql<{ running: number }[]>`
    select count(*)::int as running from leases where tenant = ${tenant} and drawn_at is null`;
  return row?.running ?? 0;
}

/** Leases: the rows that reserve room on servers. */
export function createLeaseStore(sql: Sql) {
  return {
    /** Servers of a pool, and others by id. */
    async listRoom(pool: string, others: readonly string[] = []): Promise<ServerRoom[]> {
      return sql<ServerRoom[]>`
        select s.id, s.pool, case when ${hasStalePrompt(sql)} then 0 else s.room end as room,
          ${isLive(sql)} as reachable, s.draining_at is not null as draining,
          ${roomTaken(sql)} as used,
          case when s.warm_boot_id is not distinct from s.boot_id then s.warm_model end as warm_model
        from servers s left join leases l on l.server_id = s.id
        where s.pool = ${pool} or s.id = any(${others as string[]}) group by s.id order by s.id`;
    },

    countRunning: () => countRunning(sql),

    /**
     * Reserves room for an attempt. Safe with several placers: the server's row is locked while its leases are counted,
     * and the job's row while its state is checked. Granting the same attempt again returns the same lease.
     */
    async grant(request: GrantRequest): Promise<GrantAnswer> {
      return sql.begin(async (begun) => {
        const tx = begun as unknown as Sql;
        const { tenant, tenantLimit = Infinity } = request;
        // Two placers at once would both count the tenant's jobs without the other's.
        if (tenantLimit !== Infinity)
          await tx`select pg_advisory_xact_lock(hashtextextended(${`running:${tenant}`}, 0))`;
        // Sent together: the server answers them in this order, so what is counted is counted under the locks.
        const [[server], [job], [mine], [taken]] = await Promise.all([
          tx<{ room: number; drainingAt: Date | null }[]>`
            select room, draining_at from servers where id = ${request.serverId} for update`,
          tx<Pick<JobRow, (typeof GRANT_COLUMNS)[number]>[]>`
            select ${tx(GRANT_COLUMNS)} from jobs where id = ${request.jobId} for update`,
          tx<LeaseRow[]>`
            select l.* from leases l join jobs j on j.id = l.job_id and j.run_index = l.run_index
            where l.job_id = ${request.jobId} and l.attempt = ${request.attempt}`,
          tx<{ used: number; isStale: boolean }[]>`
            select ${roomTaken(sql)} as used, ${hasStalePrompt(sql)} as is_stale
            from leases l where l.server_id = ${request.serverId}`,
        ]);
        if (!job || job.runId !== request.runId || isTerminal(job.state))
          return { outcome: 'closed' };
        if (job.attempt > request.attempt) return { outcome: 'closed' };
        if (mine) return { outcome: 'granted', lease: toLease(mine) };
        if (job.held) return { outcome: 'held' };
        if (tenantLimit !== Infinity && (await countOf(tx, tenant)) >= tenantLimit)
          return { outcome: 'full' };
        const used = taken?.used ?? 0;
        if (!server || server.drainingAt || taken?.isStale || used >= server.room)
          return { outcome: 'full' };
        const [[row]] = await Promise.all([
          tx<LeaseRow[]>`
            insert into leases ${tx({
              jobId: request.jobId,
              runIndex: job.runIndex,
              attempt: request.attempt,
              runId: request.runId,
              serverId: request.serverId,
              tenant: request.tenant,
              promptId: request.promptId(job.runIndex),
              model: request.model,
              reason: request.reason,
              traceId: request.traceId,
            } as never)} returning *`,
          tx`
            update jobs set state = 'running', attempt = ${request.attempt}, stage_rank = ${stageRank('claim')},
              server_id = ${request.serverId}, claimed_at = now(), changed_at = now()
            where id = ${request.jobId}`,
          tx`
            update servers set warm_model = ${request.model}, warm_boot_id = boot_id
            where id = ${request.serverId}
              and (warm_model, warm_boot_id) is distinct from (${request.model}, boot_id)`,
        ]);
        return { outcome: 'granted', lease: toLease(row as LeaseRow) };
      });
    },

    async holdsLease(lease: Lease, runId: string): Promise<boolean> {
      const rows = await sql`
        select from leases where job_id = ${lease.jobId} and run_index = ${lease.runIndex}
          and attempt = ${lease.attempt} and run_id = ${runId}`;
      return rows.count > 0;
    },

    async release(lease: Pick<Lease, 'jobId' | 'runIndex' | 'attempt'>): Promise<void> {
      await sql`
        delete from leases where job_id = ${lease.jobId} and run_index = ${lease.runIndex}
          and attempt = ${lease.attempt}`;
    },

    /** The job goes on without this attempt, whose prompt may still be on its server. A lease that is gone is no error. */
    async giveUp(lease: Pick<Lease, 'jobId' | 'runIndex' | 'attempt'>): Promise<void> {
      await sql`
        update leases set given_up_at = coalesce(given_up_at, now()) where job_id = ${lease.jobId}
          and run_index = ${lease.runIndex} and attempt = ${lease.attempt}`;
    },

    /**
     * Gives back the room of a prompt that its server is through with; the lease itself lasts until the result is stored.
     * A crash of the database may lose it, and a repeat changes nothing: the end of the lease gives the room back anyway.
     * Returns the model it was drawn with and what its server had drawn before, or undefined when nothing changed.
     */
    async markDrawn(serverId: string, promptId: string): Promise<Drawn | undefined> {
      const [drawn] = await sql<Drawn[]>`
        with commit as materialized (select set_config('synchronous_commit', 'off', true)),
        drawn as (
          update leases set drawn_at = now() from commit
          where server_id = ${serverId} and prompt_id = ${promptId} and drawn_at is null returning server_id, model
        )
        select drawn.model, s.draw_ms, s.loaded_model
        from drawn join servers s on s.id = drawn.server_id`;
      return drawn;
    },

    /** Leases of one run of a job, for the closer. */
    async listOfRun(jobId: string, runId: string): Promise<Lease[]> {
      const rows = await sql<LeaseRow[]>`
        select * from leases where job_id = ${jobId} and run_id = ${runId}`;
      return rows.map(toLease);
    },

    /** Leases older than `ageMs`, for the check that their runs still live. */
    async listOlderThan(ageMs: number): Promise<Lease[]> {
      const rows = await sql<LeaseRow[]>`
        select * from leases where granted_at < now() - ${ageMs} * interval '1 millisecond'`;
      return rows.map(toLease);
    },
  };
}
