import type { Generation } from '../domain/generation.ts';
import type { Lease } from '../domain/job.ts';
import type { Sql } from './connect.ts';
import { generationAirs } from './generation-airs.ts';

/** What prepare needs of a leased job, or undefined when the lease is gone. */
export interface LeasedJob {
  readonly generation: Generation;
  readonly tenant: string;
  readonly traceId: string;
  readonly createdAt: Date;
  /** `fileName` of the job's AIRs that the tenant's catalogue has; others are left out. */
  readonly fileNames: Readonly<Record<string, string | null>>;
  /** The client's graph as JSON text; null for a job without one. */
  readonly graph: string | null;
}

export type PrepareReads = ReturnType<typeof createPrepareReads>;

/** Reads of the prepare activity. */
export function createPrepareReads(sql: Sql) {
  return {
    async findLeasedJob(lease: Lease, runId: string): Promise<LeasedJob | undefined> {
      const [row] = await sql<LeasedJob[]>`
        select j.generation, j.tenant, j.trace_id, j.created_at,
          (select g.graph from job_graphs g
            where g.batch_id = j.batch_id and g.sha256 = j.generation -> 'graph' ->> 'sha256') as graph,
          (select coalesce(jsonb_object_agg(r.air, r.file_name), '{}') from resources r
            where r.tenant = j.tenant and r.air = any (${generationAirs(sql)})) as file_names
        from jobs j
        join leases l on l.job_id = j.id and l.run_index = ${lease.runIndex} and l.attempt = ${lease.attempt}
        where j.id = ${lease.jobId} and l.run_id = ${runId} and j.state in ('queued', 'running')`;
      return row;
    },

    /** Those of the node classes that a server last said it knows. */
    async knownClasses(serverId: string, classes: readonly string[]): Promise<readonly string[]> {
      const rows = await sql<{ name: string }[]>`
        select name from unnest(${classes as string[]}::text[]) as asked (name)
        where exists (select from servers where id = ${serverId} and node_classes ? name)`;
      return rows.map(({ name }) => name);
    },

    /** Model files of a server as it last reported them. */
    async serverFiles(serverId: string): Promise<Readonly<Record<string, readonly string[]>>> {
      const [row] = await sql<{ files: Record<string, string[]> }[]>`
        select files from servers where id = ${serverId}`;
      return row?.files ?? {};
    },
  };
}
