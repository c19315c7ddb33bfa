import { OrchestratorError } from '../errors.ts';
import type { Sql } from './connect.ts';
import { jobsInsert, type JobRecord } from './job-insert.ts';
import { jobsToday, today } from './tenants.ts';

/** A tenant that was counted a moment ago is not counted again. */
const COUNT_EVERY_MS = 250;
const QUEUE_CHECK = 'tenants_queue_limit';
const DAY_CHECK = 'tenants_day_limit';

/** Limits of tenants that have none of their own. (Default: no limit) */
export interface AdmissionLimits {
  readonly maxQueued?: number | undefined;
  readonly maxJobsPerDay?: number | undefined;
}

/**
 * Keeps a tenant's queued jobs, and those it submits a day, within their limits. `tenants.queued` only grows with what
 * is accepted, in the statement that inserts the jobs, and is counted anew when it reaches the limit: so a job that
 * leaves the queue writes nothing here, and the number is never below what is queued. `day_jobs` counts what is
 * accepted, whatever becomes of it, from midnight UTC.
 */
export function createAdmission(sql: Sql, limits: AdmissionLimits) {
  const { maxQueued = Number.MAX_SAFE_INTEGER, maxJobsPerDay = Number.MAX_SAFE_INTEGER } = limits;
  const known = new Set<string>();

  const ensureRow = async (tenant: string): Promise<void> => {
    if (known.has(tenant)) return;
    await sql`insert into tenants (tenant) values (${tenant}) on conflict do nothing`;
    known.add(tenant);
  };

  /** The lock of the row keeps every other acceptance of this tenant out while its jobs are counted. */
  const countAgain = (tenant: string): Promise<void> =>
    sql.begin(async (tx) => {
      const due = await tx`
        select from tenants where tenant = ${tenant}
          and counted_at < clock_timestamp() - ${COUNT_EVERY_MS} * interval '1 millisecond' for update`;
      if (due.count === 0) return;
      await tx`
        update tenants set queue_limit = default, counted_at = clock_timestamp(),
          queued = (select count(*) from jobs where tenant = ${tenant} and state = 'queued')
        where tenant = ${tenant}`;
    });

  const dayRefusal = async (tenant: string, requested: number): Promise<OrchestratorError> => {
    const [row] = await sql<{ used: number; limit: number; freesAt: Date; seconds: number }[]>`
      with midnight as (select (${today(sql)} + 1)::timestamp at time zone 'utc' as at)
      select ${jobsToday(sql)} as used, coalesce(max_jobs_per_day, ${maxJobsPerDay}::bigint) as limit,
        midnight.at as frees_at, ceil(extract(epoch from midnight.at - now()))::int as seconds
      from tenants cross join midnight where tenant = ${tenant}`;
    if (!row) return new OrchestratorError('quota_exceeded', 'The quota of jobs a day is used up.');
    const { used, limit, freesAt, seconds } = row;
    return new OrchestratorError(
      'quota_exceeded',
      `Tenant '${tenant}' has submitted ${used} of its ${limit} jobs today; this request asks for ${requested} more, so none of it was accepted. ` +
        (requested > limit
          ? `Send at most ${limit} jobs a day, or let the operator raise max-jobs-per-day.`
          : `The day ends at ${freesAt.toISOString()}.`),
      {
        retryable: true,
        retryAfterSeconds: Math.max(1, seconds),
        quota: { quota: 'jobsPerDay', used, limit, requested, freesAt: freesAt.toISOString() },
      },
    );
  };

  const queueRefusal = async (tenant: string, requested: number): Promise<OrchestratorError> => {
    const [row] = await sql<{ queued: number; limit: number }[]>`
      select queued, coalesce(max_queued, ${maxQueued}::bigint) as limit from tenants where tenant = ${tenant}`;
    const { queued, limit } = row ?? { queued: maxQueued, limit: maxQueued };
    return new OrchestratorError(
      'too_many_requests',
      `Tenant '${tenant}' has ${queued} jobs queued and may have ${limit}; this request asks for ${requested} more, so none of it was accepted. ` +
        (requested > limit
          ? `Send at most ${limit} jobs at a time.`
          : 'Send it again when jobs have started; Retry-After says when that should be.'),
      { retryable: true, counts: { queued, limit, requested } },
    );
  };

  return {
    /** Runs `insert`, which uses `insertCounted`. Throws `too_many_requests`, `quota_exceeded` when a limit refuses it. */
    async admit<T>(tenant: string, requested: number, insert: () => Promise<T>): Promise<T> {
      await ensureRow(tenant);
      try {
        return await insert();
      } catch (error) {
        if (isRefusedBy(error, DAY_CHECK)) throw await dayRefusal(tenant, requested);
        if (!isRefusedBy(error, QUEUE_CHECK)) throw error;
      }
      await countAgain(tenant);
      try {
        return await insert();
      } catch (error) {
        if (isRefusedBy(error, DAY_CHECK)) throw await dayRefusal(tenant, requested);
        throw isRefusedBy(error, QUEUE_CHECK) ? await queueRefusal(tenant, requested) : error;
      }
    },

    /** Inserts jobs of one tenant and counts them, in one statement. */
    async insertCounted(tx: Sql, tenant: string, records: readonly JobRecord[]): Promise<void> {
      await tx`
        with counted as (
          update tenants set queued = queued + ${records.length},
            queue_limit = coalesce(max_queued, ${maxQueued}::bigint),
            day = greatest(day, ${today(tx)}), day_jobs = ${jobsToday(tx)} + ${records.length},
            day_limit = coalesce(max_jobs_per_day, ${maxJobsPerDay}::bigint)
          where tenant = ${tenant}
        )
        ${jobsInsert(tx, records)}`;
    },
  };
}

const isRefusedBy = (error: unknown, check: string): boolean =>
  (error as { constraint_name?: unknown } | undefined)?.constraint_name === check;
