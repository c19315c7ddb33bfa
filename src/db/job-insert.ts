import type { Sql } from './connect.ts';
import { awaitsJobs, type NewJobRow } from './job-row.ts';

/** A new row by the names of its columns, as JSON has them. */
export type JobRecord = ReturnType<typeof toRecord>;

/** `start_in_ms` counts from the insert, by the clock of the database, which also says when it is due. */
export const toRecord = (row: NewJobRow) => ({
  id: row.id,
  tenant: row.tenant,
  batch_id: row.batchId,
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
  trace_id: row.traceId,
  max_attempts: row.maxAttempts,
  created_at: row.createdAt,
  expire_at: row.expireAt,
  timeout_ms: row.timeoutMs ?? null,
  callback_url: row.callback?.url ?? null,
  callback_events: row.callback?.events ?? null,
  awaits_jobs: awaitsJobs(row),
  start_in_ms: row.startInMs,
});

/** SQL: inserts the rows. All of them are one parameter, which a thousand rows of twenty columns would not be. */
export const jobsInsert = (sql: Sql, records: readonly JobRecord[]) => sql`
  insert into jobs (id, tenant, batch_id, position, type, class, ecosystem, pool, priority, cost, request, generation,
    properties, trace_id, max_attempts, created_at, expire_at, timeout_ms, callback_url, callback_events, awaits_jobs,
    start_after)
  select id, tenant, batch_id, position, type, class, ecosystem, pool, priority, cost, request, generation,
    properties, trace_id, max_attempts, created_at, expire_at, timeout_ms, callback_url, callback_events, awaits_jobs,
    now() + start_in_ms * interval '1 millisecond'
  from jsonb_to_recordset(${sql.json(records as never)}) as record (
    id uuid, tenant text, batch_id uuid, position integer, type text, class text, ecosystem text, pool text,
    priority smallint, cost double precision, request jsonb, generation jsonb, properties jsonb, trace_id text,
    max_attempts smallint, created_at timestamptz, expire_at timestamptz, timeout_ms integer, callback_url text,
    callback_events text[], awaits_jobs boolean, start_in_ms double precision)`;
