/** What a running system does again and again, on a real PostgreSQL with 100,000 finished jobs and 10,000 that wait. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectDatabase, type Sql } from '../../src/db/connect.ts';
import { createClosing } from '../../src/db/closing.ts';
import { createCollectorStore } from '../../src/db/collector-store.ts';
import { createDependencies } from '../../src/db/dependencies.ts';
import { createFleetReader } from '../../src/db/fleet.ts';
import { findJobNeeds } from '../../src/db/job-needs.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import { createMetricReads } from '../../src/db/metric-reads.ts';
import { createOutbox } from '../../src/db/outbox.ts';
import { createQueueSnapshots } from '../../src/db/queue-snapshot.ts';
import { createRecentEnds } from '../../src/db/recent-ends.ts';
import { createRunStore } from '../../src/db/runs.ts';
import { createSnapshotStore } from '../../src/db/snapshots.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newJobRow } from '../support/jobs.ts';

const FINISHED = 100_000;
const WAITING = 10_000;
/** Tables with a row for every job or run. */
const LARGE = ['jobs', 'job_runs'];
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

let database: TestDatabase;
/** One connection, which counts what it does. */
let sql: Sql;
let waitingId: string;
let finishedId: string;
let batchId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connectDatabase({ url: database.url, maxConnections: 1, applicationName: 'deep' });
  const pattern = newJobRow({});
  ({ id: waitingId, batchId } = pattern);
  await createJobStore(sql).insertJobs([pattern]);
  const copied = sql`tenant, type, class, ecosystem, pool, cost, request, generation, trace_id, max_attempts, expire_at, start_after`;
  await sql`
    insert into jobs (id, batch_id, position, priority, state, started_at, created_at, claimed_at, finished_at, run_id,
      run_index, ${copied})
    select md5('finished ' || n)::uuid, md5('batch ' || n / 10)::uuid, n % 10, 1 + n % 5, 'succeeded', at, at, at, at,
      md5('finished ' || n), 1, ${copied}
    from jobs cross join generate_series(1, ${FINISHED}) as n
      cross join lateral (select now() - n * interval '6 seconds' as at) as ended`;
  await sql`
    insert into job_runs (job_id, run_id, run_index, opened_at, events_kept_at)
    select id, run_id, 1, started_at, finished_at from jobs where state = 'succeeded'`;
  await sql`
    insert into jobs (id, batch_id, position, priority, started_at, created_at, ${copied})
    select gen_random_uuid(), md5('waiting ' || n / 1000)::uuid, n % 1000, 1 + n % 5, now(), now(), ${copied}
    from jobs cross join generate_series(1, ${WAITING}) as n where id = ${waitingId}`;
  await sql`vacuum analyze`;
  const [finished] = await sql<
    { id: string }[]
  >`select id from jobs where state = 'succeeded' limit 1`;
  finishedId = finished?.id ?? '';
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

/** How often a large table was read from end to end, by table. */
async function wholeReads(): Promise<Record<string, number>> {
  await sql`select pg_stat_force_next_flush()`;
  const rows = await sql<{ name: string; count: number }[]>`
    select relname as name, seq_scan::int as count from pg_stat_user_tables where relname = any(${LARGE})`;
  return Object.fromEntries(rows.map(({ name, count }) => [name, count]));
}

const tenant = (): string => newJobRow({}).tenant;

const WORK: Readonly<Record<string, () => Promise<unknown>>> = {
  'a job is accepted': () => createJobStore(sql).insertJobs([newJobRow({})]),
  'a job is accepted under a limit that is nearly reached': () =>
    createJobStore(sql, { maxQueued: WAITING + 100 }).insertJobs([newJobRow({})]),
  'where a job would wait least is found': () => createFleetReader(sql).countWaiting(),
  'a waiting job is read': () => createJobStore(sql).findJob(tenant(), waitingId),
  'jobs of a token are read': () => createJobStore(sql).listBatch(tenant(), batchId),
  'a client waits for a job': () => createJobStore(sql).listEnded([waitingId, finishedId]),
  'what waits is counted for the place in the queue': () => createQueueSnapshots(sql, 300_000)(),
  'the throughput is found': () => createRecentEnds(sql)(),
  'due jobs are started': () => createOutbox(sql).takeDue(20, async () => []),
  'a job asks for a server': () => createRunStore(sql).openRun(waitingId, randomUUID()),
  'what a job needs is read': () => findJobNeeds(sql, waitingId),
  'a job is cancelled': () => createJobStore(sql).requestCancel(tenant(), [waitingId]),
  'cancels that did not arrive are found': () => createOutbox(sql).listUndeliveredCancels(0, 20),
  'jobs whose run may be gone are found': () => createClosing(sql).listActiveAfter(FIRST_ID, 100),
  'runs whose events are not kept are found': () => createSnapshotStore(sql).listNotKept(20),
  'jobs that wait for others are looked at': () => createDependencies(sql).settle('all', 100),
  'the jobs that waited for one are looked for': () =>
    createDependencies(sql).settle({ neededIds: [finishedId] }, 100),
  'old jobs are collected': () => createCollectorStore(sql).deleteOldJobs(30, 100),
  'metrics count active jobs': () => createMetricReads(sql).listActiveJobs(),
  'metrics look for the oldest cancel': () => createMetricReads(sql).oldestCancelSeconds(),
  'metrics look at servers': () => createMetricReads(sql).listServerLoads(),
  'metrics look for events that are not kept': () => createMetricReads(sql).oldestNotKeptSeconds(),
  'metrics read what ended': async () => {
    const reads = createMetricReads(sql);
    return reads.listEndedAfter(await reads.endedCursor(), 100);
  },
};

describe('with 100,000 finished jobs and 10,000 that wait, no table of jobs is read from end to end when', () => {
  it.each(Object.keys(WORK))('%s', async (what) => {
    const before = await wholeReads();
    await WORK[what]?.();
    expect(await wholeReads()).toEqual(before);
  });

  it('(and a read from end to end would be seen)', async () => {
    const before = await wholeReads();
    await sql`select count(*) from jobs where trace_id = ''`;
    expect(await wholeReads()).not.toEqual(before);
  });
});
