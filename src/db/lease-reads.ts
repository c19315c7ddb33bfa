import type { Lease } from '../domain/job.ts';
import type { Sql } from './connect.ts';

/** What a lease allows is derived from these. */
export type HeldLease = Pick<Lease, 'jobId' | 'runIndex' | 'attempt' | 'serverId' | 'promptId'>;

export type LeaseReads = ReturnType<typeof createLeaseReads>;

/** Leases as the API checks them. */
export function createLeaseReads(sql: Sql) {
  return {
    /** The lease of a prompt, while it is held. */
    async findLease(promptId: string): Promise<HeldLease | undefined> {
      const [lease] = await sql<HeldLease[]>`
        select job_id, run_index, attempt, server_id, prompt_id from leases where prompt_id = ${promptId}`;
      return lease;
    },
  };
}
