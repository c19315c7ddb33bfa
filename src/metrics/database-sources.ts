/** What every API tells of jobs and servers, from the one database. */
import type { EndedCursor, MetricReads, ServerLoad } from '../db/metric-reads.ts';
import type { GaugeReading, MetricOf } from '../domain/metric-catalogue.ts';
import type { Metrics } from '../ports.ts';

/** Rows read at a time of jobs that ended. */
const ENDED_ROWS = 2_000;
const STATES = ['awaiting', 'accepted', 'waiting', 'held', 'running'] as const;
/** Ends that an alert is about. */
const RARE = [
  ['failed', 'attempts_exhausted'],
  ['failed', 'history_lost'],
  ['expired', 'expired'],
] as const;

/** Adds jobs, servers and the closer as gauges, and counts the jobs that end from now on. */
export function addDatabaseSources(
  metrics: Metrics,
  reads: MetricReads,
  jobTypes: readonly string[],
): void {
  // A counter that appears with its first event shows no increase: the rare ones begin at 0.
  for (const type of jobTypes)
    for (const [outcome, code] of RARE) metrics.count('jobsFinished', { type, outcome, code }, 0);
  metrics.addSource('jobs', () => readJobs(reads));
  metrics.addSource('servers', async () => (await reads.listServerLoads()).flatMap(readingsOf));
  metrics.addSource('closer', async () => [
    { metric: 'closerAge', labels: {}, value: await reads.oldestNotKeptSeconds() },
  ]);
  for (const outcome of ['failed', 'dead']) metrics.count('callbackTries', { outcome }, 0);
  metrics.addSource('callbacks', async () => {
    const { count, oldestSeconds } = await reads.pendingCallbacks();
    return [
      { metric: 'callbacksPending', labels: {}, value: count },
      { metric: 'callbackAge', labels: {}, value: oldestSeconds },
    ];
  });
  metrics.addSource('ended-jobs', createEndedCounter(metrics, reads));
}

async function readJobs(reads: MetricReads): Promise<GaugeReading[]> {
  const [active, servers, cancelSeconds] = await Promise.all([
    reads.listActiveJobs(),
    reads.listServerLoads(),
    reads.oldestCancelSeconds(),
  ]);
  // A pool without jobs shows zeros, so that a backlog that is gone is seen to be gone.
  const pools = new Set([...servers, ...active].map(({ pool }) => pool));
  const find = (pool: string, state: string) =>
    active.find((row) => row.pool === pool && row.state === state);
  const ofPool = (pool: string): GaugeReading[] => [
    ...STATES.map((state): GaugeReading => ({
      metric: 'jobs',
      labels: { pool, state },
      value: find(pool, state)?.count ?? 0,
    })),
    {
      metric: 'backlogAge',
      labels: { pool },
      value: find(pool, 'waiting')?.oldestSeconds ?? 0,
    },
  ];
  const overdue = active
    .filter(({ state }) => state === 'accepted')
    .map(({ oldestSeconds }) => oldestSeconds);
  return [
    ...[...pools].flatMap(ofPool),
    { metric: 'outboxAge', labels: {}, value: Math.max(0, ...overdue) },
    { metric: 'cancelAge', labels: {}, value: cancelSeconds },
  ];
}

type ServerGauge = Extract<
  MetricOf<'gauge'>,
  | 'serverUp'
  | 'serverDraining'
  | 'serverRoom'
  | 'serverRoomUsed'
  | 'serverLeases'
  | 'leaseAge'
  | 'withdrawPending'
>;

function readingsOf(server: ServerLoad): GaugeReading[] {
  const values: Record<ServerGauge, number> = {
    serverUp: Number(server.up),
    serverDraining: Number(server.draining),
    serverRoom: server.room,
    serverRoomUsed: server.used,
    serverLeases: server.leases,
    leaseAge: server.oldestLeaseSeconds,
    withdrawPending: server.withdrawPending,
  };
  const labels = { server: server.id, pool: server.pool };
  return (Object.keys(values) as ServerGauge[]).map((metric) => ({
    metric,
    labels,
    value: values[metric],
  }));
}

/**
 * Counts ends where all of them show: in the rows, whoever wrote them. Every API counts all, and never one twice: it
 * goes on behind the last row it has counted, and one read is under way at a time.
 */
function createEndedCounter(metrics: Metrics, reads: MetricReads): () => Promise<[]> {
  let cursor: EndedCursor | undefined;
  let underWay: Promise<void> | undefined;
  const readOn = async (): Promise<void> => {
    cursor ??= await reads.endedCursor();
    for (;;) {
      const ended = await reads.listEndedAfter(cursor, ENDED_ROWS);
      for (const { type, outcome, code, attempt, seconds } of ended) {
        metrics.count('jobsFinished', { type, outcome, code });
        metrics.observe('jobSeconds', { type, outcome }, seconds);
        metrics.observe('jobAttempts', { outcome }, attempt);
      }
      const last = ended.at(-1);
      if (last) cursor = { endedAt: last.endedAt, id: last.id };
      if (ended.length < ENDED_ROWS) return;
    }
  };
  return async () => {
    underWay ??= readOn().finally(() => (underWay = undefined));
    await underWay;
    return [];
  };
}
