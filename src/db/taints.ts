import type { Taint } from '../domain/taint.ts';
import type { Sql } from './connect.ts';

export interface TaintRequest {
  readonly reason?: string;
  readonly context?: Readonly<Record<string, unknown>>;
  /** Merged into the properties of the jobs: these fields are set, the others stay. */
  readonly properties?: Readonly<Record<string, unknown>>;
}

export type Taints = ReturnType<typeof createTaints>;

/** Marks jobs whose result is not to be used again. */
export function createTaints(sql: Sql) {
  return {
    /** The first taint of a job counts; a repeat only merges properties. Returns how many of the ids are tainted now. */
    async taintJobs(
      tenant: string,
      ids: readonly string[],
      { reason, context, properties = {} }: TaintRequest,
      now: Date,
    ): Promise<number> {
      const taint: Taint = {
        at: now.toISOString(),
        ...(reason === undefined ? {} : { reason }),
        ...(context === undefined ? {} : { context }),
      };
      // Locked in the order of the ids: two requests that name the same jobs in another order do not block each other.
      const rows = await sql`
        with named as (
          select id from jobs where id = any(${ids as string[]}::uuid[]) and tenant = ${tenant} order by id for update
        )
        update jobs set taint = coalesce(taint, ${sql.json(taint as never)}),
          properties = properties || ${sql.json(properties as never)}, changed_at = now()
        from named where jobs.id = named.id`;
      return rows.count;
    },
  };
}
