import { OrchestratorError } from '../errors.ts';
import type { Sql } from './connect.ts';
import type { JobRow, NewJobRow } from './job-row.ts';

/** An idempotency key of a request together with what was asked under it. */
export interface Idempotency {
  readonly key: string;
  readonly bodySha256: string;
}

export type JobStore = ReturnType<typeof createJobStore>;

/** Acceptance, reads and cancellation of jobs. Every call is scoped by tenant. */
export function createJobStore(sql: Sql) {
  return {
    /**
     * Inserts the jobs in one transaction: the commit is the acceptance. With an idempotency key that was used before,
     * returns the batch id of the first request instead; throws `conflict` when the body differs.
     */
    async insertJobs(rows: readonly NewJobRow[], idempotency?: Idempotency): Promise<string> {
      const first = rows[0];
      if (!first)
        throw new OrchestratorError('invalid_request', 'A request needs at least one job.');
      const values = rows.map((row) => toColumns(sql, row));
      if (!idempotency) {
        await sql`insert into jobs ${sql(values as never[])}`;
        return first.batchId;
      }
      return sql.begin(async (tx) => {
        const [mine] = await tx<{ batchId: string }[]>`
          insert into idempotency_keys (tenant, key, body_sha256, batch_id)
          values (${first.tenant}, ${idempotency.key}, ${idempotency.bodySha256}, ${first.batchId})
          on conflict do nothing returning batch_id`;
        if (mine) {
          await tx`insert into jobs ${tx(values as never[])}`;
          return mine.batchId;
        }
        const earlier = await findIdempotent(tx as unknown as Sql, first.tenant, idempotency);
        return earlier ?? first.batchId;
      });
    },

    /** Batch that an earlier request with this key made. Throws `conflict` when it had another body. */
    findIdempotent: (tenant: string, idempotency: Idempotency): Promise<string | undefined> =>
      findIdempotent(sql, tenant, idempotency),

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
     * takes only `queued` rows. Returns the ids whose run has to be cancelled.
     */
    async requestCancel(tenant: string, ids: readonly string[]): Promise<string[]> {
      const rows = await sql<{ id: string; startedAt: Date | null }[]>`
        update jobs set
          cancel_requested_at = coalesce(cancel_requested_at, now()),
          changed_at = now(),
          state = case when started_at is null then 'canceled' else state end,
          finished_at = case when started_at is null then now() else finished_at end
        where id = any(${ids as string[]}::uuid[]) and tenant = ${tenant} and state in ('queued', 'running')
        returning id, started_at`;
      return rows.map((row) => row.id);
    },
  };
}

async function findIdempotent(
  sql: Sql,
  tenant: string,
  { key, bodySha256 }: Idempotency,
): Promise<string | undefined> {
  const [earlier] = await sql<{ batchId: string; bodySha256: string }[]>`
    select batch_id, body_sha256 from idempotency_keys where tenant = ${tenant} and key = ${key}`;
  if (!earlier || earlier.bodySha256 === bodySha256) return earlier?.batchId;
  throw new OrchestratorError(
    'conflict',
    `Idempotency-Key '${key}' was used before with another body. Use a new key for a new request.`,
  );
}

function toColumns(sql: Sql, row: NewJobRow): Record<string, unknown> {
  return {
    id: row.id,
    tenant: row.tenant,
    batchId: row.batchId,
    position: row.position,
    type: row.type,
    class: row.class,
    ecosystem: row.ecosystem,
    pool: row.pool,
    priority: row.priority,
    cost: row.cost,
    request: row.request,
    generation: row.generation,
    properties: row.properties,
    traceId: row.traceId,
    maxAttempts: row.maxAttempts,
    createdAt: row.createdAt,
    expireAt: row.expireAt,
    // By the clock of the database, which also says when it is due.
    startAfter: sql`now() + ${row.startInMs} * interval '1 millisecond'`,
  };
}
