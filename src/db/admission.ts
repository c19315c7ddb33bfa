import { OrchestratorError } from '../errors.ts';
import type { Sql } from './connect.ts';

/** A tenant that was counted a moment ago is not counted again. */
const COUNT_EVERY_MS = 250;
const LIMIT_CHECK = 'tenants_queue_limit';

/**
 * Keeps a tenant's queued jobs within its limit. `tenants.queued` only grows with what is accepted, in the statement
 * that inserts the jobs, and is counted anew when it reaches the limit: so a job that leaves the queue writes nothing
 * here, and the number is never below what is queued. `maxQueued` is the limit of tenants that have none of their own.
 */
export function createAdmission(sql: Sql, maxQueued: number) {
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

  const refusal = async (tenant: string, requested: number): Promise<OrchestratorError> => {
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
    /** Runs `insert`, which uses `insertCounted`. Throws `too_many_requests` when the limit refuses it. */
    async admit<T>(tenant: string, requested: number, insert: () => Promise<T>): Promise<T> {
      await ensureRow(tenant);
      try {
        return await insert();
      } catch (error) {
        if (!isOverLimit(error)) throw error;
      }
      await countAgain(tenant);
      try {
        return await insert();
      } catch (error) {
        throw isOverLimit(error) ? await refusal(tenant, requested) : error;
      }
    },

    /** Inserts jobs of one tenant and counts them, in one statement. */
    async insertCounted(
      tx: Sql,
      tenant: string,
      values: readonly Record<string, unknown>[],
    ): Promise<void> {
      await tx`
        with counted as (
          update tenants set queued = queued + ${values.length},
            queue_limit = coalesce(max_queued, ${maxQueued}::bigint)
          where tenant = ${tenant}
        )
        insert into jobs ${tx(values as never[])}`;
    },
  };
}

const isOverLimit = (error: unknown): boolean =>
  (error as { constraint_name?: unknown } | undefined)?.constraint_name === LIMIT_CHECK;
