import type { Generation } from '../domain/generation.ts';
import type { Lease } from '../domain/job.ts';
import type { Sql } from './connect.ts';

/** What prepare needs of a leased job, or undefined when the lease is gone. */
export interface LeasedJob {
  readonly generation: Generation;
  readonly tenant: string;
  readonly traceId: string;
  readonly createdAt: Date;
}

export type PrepareReads = ReturnType<typeof createPrepareReads>;

/** Reads of the prepare activity. */
export function createPrepareReads(sql: Sql) {
  return {
    async findLeasedJob(lease: Lease, runId: string): Promise<LeasedJob | undefined> {
      const [row] = await sql<LeasedJob[]>`
        select j.generation, j.tenant, j.trace_id, j.created_at from jobs j
        join leases l on l.job_id = j.id and l.run_index = ${lease.runIndex} and l.attempt = ${lease.attempt}
        where j.id = ${lease.jobId} and l.run_id = ${runId} and j.state in ('queued', 'running')`;
      return row;
    },

    /** AIR of the checkpoint a job needs. */
    async modelOf(jobId: string): Promise<string> {
      const [row] = await sql<{ model: string }[]>`
        select generation ->> 'model' as model from jobs where id = ${jobId}`;
      return row?.model ?? '';
    },

    /** `fileName` of the AIRs that the tenant's catalogue has; others are left out. */
    async fileNames(tenant: string, airs: readonly string[]): Promise<Map<string, string | null>> {
      const rows = await sql<{ air: string; fileName: string | null }[]>`
        select air, file_name from resources where tenant = ${tenant} and air = any(${airs as string[]})`;
      return new Map(rows.map((row) => [row.air, row.fileName]));
    },

    /** Model files of a server as it last reported them. */
    async serverFiles(serverId: string): Promise<Readonly<Record<string, readonly string[]>>> {
      const [row] = await sql<{ files: Record<string, string[]> }[]>`
        select files from servers where id = ${serverId}`;
      return row?.files ?? {};
    },
  };
}
