import { settle, type NeededJob } from '../domain/dependencies.ts';
import type { JobState } from '../domain/job.ts';
import type { Sql } from './connect.ts';

/** Which of the waiting jobs are looked at: all, or those that wait for one of these. */
export type WaitScope = 'all' | { readonly neededIds: readonly string[] };

export interface Settled {
  /** Jobs that may start now. */
  readonly released: readonly string[];
  /** Jobs that ended, because others did not succeed or their time was over. */
  readonly ended: readonly string[];
}

export type Dependencies = ReturnType<typeof createDependencies>;

/** A job waits for another. */
export interface Dependency {
  readonly jobId: string;
  readonly needsId: string;
}

/** Inserts what new jobs wait for; part of the transaction that inserts the jobs. */
export async function insertDependencies(
  tx: Sql,
  dependencies: readonly Dependency[],
): Promise<void> {
  await tx`
    insert into job_dependencies (job_id, needs_id)
    select * from unnest(${dependencies.map(({ jobId }) => jobId)}::uuid[],
      ${dependencies.map(({ needsId }) => needsId)}::uuid[])
    on conflict do nothing`;
}

interface DueRow {
  readonly id: string;
  readonly expireAt: Date;
  readonly isExpired: boolean;
  /** Those that have not succeeded, a few of them. */
  readonly needs: readonly NeededJob[];
}

/** Failures first: one of them is enough. */
const SHOWN_NEEDS = 5;

/** Jobs that wait until others have succeeded. They wait here and nowhere else: Temporal knows nothing of them yet. */
export function createDependencies(sql: Sql) {
  return {
    /** Of a tenant's jobs; ids that are unknown or another tenant's are left out. */
    async listStates(tenant: string, ids: readonly string[]): Promise<Map<string, JobState>> {
      const rows = await sql<{ id: string; state: JobState }[]>`
        select id, state from jobs where id = any(${ids as string[]}::uuid[]) and tenant = ${tenant}`;
      return new Map(rows.map(({ id, state }) => [id, state]));
    },

    /** What each of these jobs waits for. */
    async listNeeds(jobIds: readonly string[]): Promise<Map<string, NeededJob[]>> {
      const rows = await sql<(NeededJob & { readonly jobId: string })[]>`
        select d.job_id, d.needs_id as id, n.state, n.cost
        from job_dependencies d left join jobs n on n.id = d.needs_id
        where d.job_id = any(${jobIds as string[]}::uuid[]) order by d.needs_id`;
      const needs = new Map<string, NeededJob[]>(jobIds.map((id) => [id, []]));
      for (const { jobId, ...need } of rows) needs.get(jobId)?.push(need);
      return needs;
    },

    /**
     * Lets at most `limit` waiting jobs go on, or ends them, as the jobs they wait for have ended. It looks at what is
     * so and not at what happened, so nothing is missed whoever ended those jobs and whenever. Rows that somebody has
     * locked are left for the next look: it waits for nobody.
     */
    async settle(scope: WaitScope, limit: number): Promise<Settled> {
      // Mostly nobody waits, and every job that ends is asked about: one look at an index, without a transaction.
      const waiting =
        scope === 'all'
          ? await sql`select from jobs where awaits_jobs and state = 'queued' limit 1`
          : await sql`
              select from job_dependencies where needs_id = any(${scope.neededIds as string[]}::uuid[]) limit 1`;
      if (waiting.count === 0) return { released: [], ended: [] };
      return sql.begin<Settled>(async (begun) => {
        const tx = begun as unknown as Sql;
        const due = await tx<DueRow[]>`
          select j.id, j.expire_at, j.expire_at <= now() as is_expired, (
            select coalesce(jsonb_agg(need), '[]') from (
              select d.needs_id as id, n.state, n.failure
              from job_dependencies d left join jobs n on n.id = d.needs_id
              where d.job_id = j.id and n.state is distinct from 'succeeded'
              order by n.state in ('queued', 'running') nulls first, d.needs_id limit ${SHOWN_NEEDS}
            ) as need) as needs
          from jobs j
          where j.awaits_jobs and j.state = 'queued' ${
            scope === 'all'
              ? tx``
              : tx`and j.id in (select job_id from job_dependencies where needs_id = any(${scope.neededIds as string[]}::uuid[]))`
          } and (j.expire_at <= now()
            or exists (select from job_dependencies d left join jobs n on n.id = d.needs_id
              where d.job_id = j.id and (n.id is null or n.state in ('failed', 'canceled', 'expired')))
            or not exists (select from job_dependencies d join jobs n on n.id = d.needs_id
              where d.job_id = j.id and n.state in ('queued', 'running')))
          order by j.id limit ${limit} for update of j skip locked`;
        const released: string[] = [];
        const ends: { id: string; state: string; failure: object }[] = [];
        for (const { id, expireAt, isExpired, needs } of due) {
          const outcome = settle(needs, isExpired ? expireAt : undefined);
          if (outcome === 'ready') released.push(id);
          else if (outcome) ends.push({ id, ...outcome });
        }
        if (released.length > 0)
          await tx`
            update jobs set awaits_jobs = false, start_after = now(), changed_at = now()
            where id = any(${released}::uuid[])`;
        if (ends.length > 0)
          await tx`
            update jobs set awaits_jobs = false, state = ended.state, failure = ended.failure,
              finished_at = now(), changed_at = now()
            from jsonb_to_recordset(${tx.json(ends as never)}) as ended (id uuid, state text, failure jsonb)
            where jobs.id = ended.id`;
        const ended = ends.map(({ id }) => id);
        if (due.length > 0)
          await tx`delete from job_dependencies where job_id = any(${[...released, ...ended]}::uuid[])`;
        return { released, ended };
      });
    },
  };
}
