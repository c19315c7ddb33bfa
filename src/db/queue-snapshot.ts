import type { QueueGroup, QueueMark } from '../domain/queue-place.ts';
import type { PoolState } from '../domain/why-waiting.ts';
import type { Sql } from './connect.ts';
import { countRunning } from './leases.ts';
import { isLive } from './servers.ts';

export interface QueueSnapshot {
  readonly groups: readonly QueueGroup[];
  readonly pools: readonly PoolState[];
  /** Jobs that a tenant has on servers. */
  readonly running: ReadonlyMap<string, number>;
}

/** The first jobs of a group are marked one by one, then every so many. */
const MARKED = 50;
const MARK_EVERY = 50;

interface GroupRow extends Omit<QueueGroup, 'marks'> {
  readonly numbers: readonly number[];
  readonly times: readonly Date[];
  readonly positions: readonly number[];
}

/** Counts what waits and what there is for it: one scan of the index of queued jobs, whoever asks afterwards. */
export const createQueueSnapshots =
  (sql: Sql, priorityAgeMs: number) => async (): Promise<QueueSnapshot> => {
    const [groups, pools, running] = await Promise.all([
      sql<GroupRow[]>`
        with waiting as (
          select pool, tenant, created_at, position, cost,
            greatest(1, priority - floor(extract(epoch from now() - coalesce(started_at, created_at)) * 1000 / ${priorityAgeMs}::int))::int as level
          from jobs where state = 'queued' and not held and not awaits_jobs
        ), numbered as (
          select *, (row_number() over (partition by pool, tenant, level order by created_at, position))::int - 1 as n
          from waiting
        )
        select pool, tenant, level, count(*)::int as jobs, sum(cost) as cost,
          array_agg(n order by n) filter (where n < ${MARKED} or n % ${MARK_EVERY} = 0) as numbers,
          array_agg(created_at order by n) filter (where n < ${MARKED} or n % ${MARK_EVERY} = 0) as times,
          array_agg(position order by n) filter (where n < ${MARKED} or n % ${MARK_EVERY} = 0) as positions
        from numbered group by pool, tenant, level`,
      sql<PoolState[]>`
        with used as (
          select server_id, count(*) filter (where drawn_at is null)::int as used from leases group by server_id
        )
        select pool, count(*)::int as servers, (count(*) filter (where ${isLive(sql)}))::int as live,
          coalesce(sum(room) filter (where ${isLive(sql)} and draining_at is null), 0)::int as room,
          coalesce(sum(used) filter (where ${isLive(sql)} and draining_at is null), 0)::int as used,
          case when bool_or(${isLive(sql)}) then null
            else max(case when reachable then reported_at else coalesce(down_since, changed_at) end) end as down_since,
          (array_agg(error order by reported_at desc) filter (where error is not null))[1] as error
        from servers left join used on used.server_id = servers.id group by pool`,
      countRunning(sql),
    ]);
    return {
      groups: groups.map(({ numbers, times, positions, ...group }) => ({
        ...group,
        marks: numbers.map((before, index): QueueMark => ({
          before,
          createdAtMs: times[index]?.getTime() ?? 0,
          position: positions[index] ?? 0,
        })),
      })),
      pools,
      running,
    };
  };
