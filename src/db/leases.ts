import { stageRank, type Lease } from '../domain/job.ts';
import type { Sql } from './connect.ts';
import { lazyCommit } from './lazy-commit.ts';
import { readRoom, STORED_BESIDE, type ServerRoom } from './server-room.ts';

export interface GrantRequest {
  readonly jobId: string;
  readonly runId: string;
  readonly runIndex: number;
  readonly attempt: number;
  readonly tenant: string;
  readonly serverId: string;
  readonly promptId: string;
  readonly model: string;
  readonly reason: string;
  readonly traceId: string;
  /** Jobs the tenant may have on servers at a time. (Default: no limit) */
  readonly tenantLimit?: number;
}

export type GrantAnswer =
  | { readonly outcome: 'granted'; readonly lease: Lease }
  /** Another placer was quicker, or the server takes nothing new: it drains, or has a prompt to be withdrawn first. */
  | { readonly outcome: 'full' }
  | { readonly outcome: 'held' }
  /** The job ended, or another run or a later attempt superseded this one. */
  | { readonly outcome: 'closed' };

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

/** What is not known of a lease before it is granted; all but `outcome` is null without one. */
type GrantRow = { readonly outcome: GrantAnswer['outcome'] } & Omit<
  LeaseRow,
  'jobId' | 'runId' | 'runIndex' | 'attempt'
>;

export type LeaseStore = ReturnType<typeof createLeaseStore>;

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

/** How many jobs each tenant has on servers, of all pools; a tenant without any is left out. */
export async function countRunning(sql: Sql): Promise<Map<string, number>> {
  const rows = await sql<{ tenant: string; running: number }[]>`
    select tenant, count(*)::int as running from leases where drawn_at is null group by tenant`;
  return new Map(rows.map(({ tenant, running }) => [tenant, running]));
}

/** Leases: the rows that reserve room on servers. */
export function createLeaseStore(sql: Sql) {
  return {
    /** Servers of a pool, and others by id. */
    listRoom: async (pool: string, others: readonly string[] = []): Promise<ServerRoom[]> =>
      sql<ServerRoom[]>`${readRoom(sql, pool, others)} order by s.id`,

    countRunning: () => countRunning(sql),

    /**
     * Reserves room for an attempt, in one statement. Safe with several placers: the function locks the server's row
     * before it counts its leases, and the job's row before it checks its state. Granting the same attempt again returns
     * the same lease.
     */
    async grant(request: GrantRequest): Promise<GrantAnswer> {
      const { jobId, runId, runIndex, attempt, tenant, tenantLimit = Infinity } = request;
      const limit = Number.isFinite(tenantLimit) ? tenantLimit : null;
      const [row] = await sql<GrantRow[]>`
        select g.outcome, (g.lease).server_id, (g.lease).prompt_id, (g.lease).model, (g.lease).reason,
          (g.lease).trace_id, (g.lease).granted_at
        from grant_lease(
          ${jobId}, ${runId}, ${runIndex}, ${attempt}, ${stageRank('claim')},
          ${tenant}, ${limit}, ${request.serverId}, ${STORED_BESIDE},
          ${request.promptId}, ${request.model}, ${request.reason}, ${request.traceId}) g`;
      if (row?.outcome !== 'granted') return { outcome: row?.outcome ?? 'closed' };
      return { outcome: 'granted', lease: toLease({ ...row, jobId, runId, runIndex, attempt }) };
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
        with ${lazyCommit(sql)},
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

    /** Leases older than `ageMs` of jobs of which nothing was heard since they were granted. */
    async listUntaken(ageMs: number): Promise<Lease[]> {
      const rows = await sql<LeaseRow[]>`
        select l.* from leases l join jobs j
          on j.id = l.job_id and j.run_id = l.run_id and j.attempt = l.attempt
        where l.granted_at < now() - ${ageMs} * interval '1 millisecond' and l.given_up_at is null
          and j.state = 'running' and j.stage_rank = ${stageRank('claim')}`;
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
