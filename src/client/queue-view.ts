import type { JobRow } from '../db/job-row.ts';
import type { QueueSnapshot } from '../db/queue-snapshot.ts';
import type { RecentEnds } from '../db/recent-ends.ts';
import { agedLevel } from '../domain/queue-place.ts';
import { throughputOf, type EndedJob } from '../domain/throughput.ts';
import { whyTaskWaits, whyWaiting, type Waiting } from '../domain/why-waiting.ts';
import { createKeptRead } from './kept-read.ts';
import type { TenantPolicies } from './tenant-policies.ts';

export interface QueueViewDeps {
  readonly readSnapshot: () => Promise<QueueSnapshot>;
  readonly recentEnds: RecentEnds;
  readonly policies: TenantPolicies;
  readonly priorityAgeMs: number;
  readonly now: () => Date;
}

/** Says why a queued job waits; `missing` says which of its files no server has. */
export type ExplainWait = (row: JobRow, missing?: string) => Waiting;

/** One look at the queue for all who ask within two seconds. */
export type QueueView = () => Promise<ExplainWait>;

const KEPT_MS = 2_000;
/** For those who come while it is read anew. */
const STALE_MS = 5_000;

export function createQueueView(deps: QueueViewDeps): QueueView {
  const look = async (): Promise<ExplainWait> => {
    const [snapshot, ended, policyOf] = await Promise.all([
      deps.readSnapshot(),
      deps.recentEnds(),
      deps.policies(),
    ]);
    const groups = grouped(snapshot.groups, ({ pool }) => pool);
    const pools = new Map(snapshot.pools.map((pool) => [pool.pool, pool]));
    const poolRates = ratesBy(ended, ({ pool }) => pool);
    const tenantRates = ratesBy(ended, ({ pool, tenant }) => `${pool} ${tenant}`);
    return (row, missing) => {
      const now = deps.now();
      if (row.class === 'task') return whyTaskWaits(row, now);
      const since = row.startedAt ?? row.createdAt;
      const level = agedLevel(row.priority, now.getTime() - since.getTime(), deps.priorityAgeMs);
      const { pool, tenant, position, createdAt, startedAt, held } = row;
      const isCanceling = row.cancelRequestedAt !== null;
      return whyWaiting(
        { pool, tenant, position, createdAt, startedAt, held, level, isCanceling },
        {
          now,
          pool: pools.get(pool),
          groups: groups.get(pool) ?? [],
          policyOf,
          running: snapshot.running.get(tenant) ?? 0,
          poolRate: poolRates(pool),
          tenantRate: tenantRates(`${pool} ${tenant}`),
          missing,
        },
      );
    };
  };
  return createKeptRead(look, { keptMs: KEPT_MS, staleMs: STALE_MS }, () => performance.now());
}

function grouped<T>(list: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of list) {
    const group = groups.get(keyOf(item)) ?? [];
    groups.set(keyOf(item), group);
    group.push(item);
  }
  return groups;
}

const ratesBy = (
  ended: readonly EndedJob[],
  keyOf: (job: EndedJob) => string,
): ((key: string) => number | undefined) => {
  const rates = new Map([...grouped(ended, keyOf)].map(([key, list]) => [key, throughputOf(list)]));
  return (key) => rates.get(key);
};
