import { OrchestratorError } from '../errors.ts';
import { createAdmission, type AdmissionLimits } from './admission.ts';
import type { Sql } from './connect.ts';
import {
  createIdempotencyKeys,
  type EarlierRequest,
  type Idempotency,
  type StoredAnswer,
} from './idempotency-keys.ts';
import { insertDependencies } from './dependencies.ts';
import { insertGraphs } from './job-graphs.ts';
import { toRecord } from './job-insert.ts';
import type { JobRow, NewJobRow } from './job-row.ts';

export type JobStore = ReturnType<typeof createJobStore>;

/** Acceptance, reads and cancellation of jobs. Every call is scoped by tenant. */
export function createJobStore(sql: Sql, limits: AdmissionLimits = {}) {
  const admission = createAdmission(sql, limits);

  const insert = async (
    rows: readonly NewJobRow[],
    { tenant, batchId }: NewJobRow,
    idempotency: Idempotency | undefined,
    answer: StoredAnswer | undefined,
  ): Promise<EarlierRequest> => {
    const records = rows.map(toRecord);
    const dependencies = rows.flatMap(({ id: jobId, needs = [] }) =>
      needs.map((needsId) => ({ jobId, needsId })),
    );
    const graphs = rows.flatMap(({ graph }) => graph ?? []);
    if (!idempotency && dependencies.length + graphs.length === 0) {
      await admission.insertCounted(sql, tenant, records);
      return { batchId };
    }
    return sql.begin(async (begun) => {
      const tx = begun as unknown as Sql;
      const keys = createIdempotencyKeys(tx);
      if (idempotency && !(await keys.take(tenant, idempotency, batchId, answer)))
        return (await keys.find(tenant, idempotency)) ?? { batchId };
      await insertGraphs(tx, { tenant, batchId }, graphs);
      await admission.insertCounted(tx, tenant, records);
      if (dependencies.length > 0) await insertDependencies(tx, dependencies);
      return { batchId };
    });
  };

  return {
    /**
     * Inserts the jobs in one transaction: the commit is the acceptance. With an idempotency key, which keeps `answer`;
     * when it was used before, returns what the first request led to instead. Throws `conflict` when the body differs,
     * and `too_many_requests` or `quota_exceeded` when the tenant would have more jobs queued, or have submitted more
     * today, than it may: then none is inserted.
     */
    async insertJobs(
      rows: readonly NewJobRow[],
      idempotency?: Idempotency,
      answer?: StoredAnswer,
    ): Promise<EarlierRequest> {
      const first = rows[0];
      if (!first)
        throw new OrchestratorError('invalid_request', 'A request needs at least one job.');
      return admission.admit(first.tenant, rows.length, () =>
        insert(rows, first, idempotency, answer),
      );
    },

    ...idempotencyVerbs(sql),

    async findJob(tenant: string, id: string): Promise<JobRow | undefined> {
      const [row] = await sql<JobRow[]>`select * from jobs where id = ${id} and tenant = ${tenant}`;
      return row;
    },

    /** In the order of `ids`; ids that are unknown or another tenant's are left out. */
    async listJobs(tenant: string, ids: readonly string[]): Promise<JobRow[]> {
      const rows = await sql<JobRow[]>`
        select * from jobs where id = any(${ids as string[]}::uuid[]) and tenant = ${tenant}`;
      const byId = new Map(rows.map((row) => [row.id, row]));
      return ids.flatMap((id) => byId.get(id) ?? []);
    },

    /** Those of the ids, whoever owns them, whose job has ended or is gone. */
    async listEnded(ids: readonly string[]): Promise<string[]> {
      const rows = await sql<{ id: string }[]>`
        select asked.id from unnest(${ids as string[]}::uuid[]) as asked (id)
        where not exists (select from jobs j where j.id = asked.id and j.state in ('queued', 'running'))`;
      return rows.map((row) => row.id);
    },

    async listBatch(tenant: string, batchId: string): Promise<JobRow[]> {
      return sql<JobRow[]>`
        select * from jobs where batch_id = ${batchId} and tenant = ${tenant} order by position`;
    },

    /**
     * Marks active jobs as to be cancelled; one that Temporal never acknowledged ends here and now, because the starter
     * takes only `queued` rows. Returns the ids whose run has to be cancelled. Locked in the order of the ids, so that
     * requests that name the same jobs in another order do not block each other. Without `force` a job that a server has
     * stays as it is.
     */
    async requestCancel(tenant: string, ids: readonly string[], force = true): Promise<string[]> {
      const rows = await sql<{ id: string; startedAt: Date | null }[]>`
        with named as (
          select id from jobs where id = any(${ids as string[]}::uuid[]) and tenant = ${tenant}
            and (state = 'queued' or (${force} and state = 'running')) order by id for update
        )
        update jobs set
          cancel_requested_at = coalesce(cancel_requested_at, now()),
          changed_at = now(),
          state = case when started_at is null then 'canceled' else state end,
          finished_at = case when started_at is null then now() else finished_at end
        from named where jobs.id = named.id
        returning jobs.id, started_at`;
      return rows.map((row) => row.id);
    },
  };
}

function idempotencyVerbs(sql: Sql) {
  const keys = createIdempotencyKeys(sql);
  return { findIdempotent: keys.find, keepAnswer: keys.keepAnswer };
}
