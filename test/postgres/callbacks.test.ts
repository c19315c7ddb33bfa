/** Deliveries are written by whatever changes a job, in its transaction; what sends them reads them in order. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCallbackLog } from '../../src/db/callback-log.ts';
import { createCallbackOutbox } from '../../src/db/callback-outbox.ts';
import { createCallbackStore } from '../../src/db/callbacks.ts';
import { createClosing } from '../../src/db/closing.ts';
import { createCollectorStore } from '../../src/db/collector-store.ts';
import { createFleetReports } from '../../src/db/fleet-reports.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import { createLeaseStore } from '../../src/db/leases.ts';
import { createOutbox } from '../../src/db/outbox.ts';
import { createRunStore, type FinishRecord } from '../../src/db/runs.ts';
import { CALLBACK_EVENTS, DEFAULT_CALLBACK_EVENTS } from '../../src/domain/callback.ts';
import type { Lease, TerminalState } from '../../src/domain/job.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { grantRequest } from '../support/grant-request.ts';
import { newJobRow, type PictureRow } from '../support/jobs.ts';

const URL = 'https://example.org/hook';
const FIRST = '00000000-0000-0000-0000-000000000000';

let database: TestDatabase;
let jobs: ReturnType<typeof createJobStore>;
let runs: ReturnType<typeof createRunStore>;
let leases: ReturnType<typeof createLeaseStore>;
let closing: ReturnType<typeof createClosing>;
let log: ReturnType<typeof createCallbackLog>;
let store: ReturnType<typeof createCallbackStore>;
let outbox: ReturnType<typeof createCallbackOutbox>;
let claims = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  const { sql } = database;
  jobs = createJobStore(sql);
  runs = createRunStore(sql);
  leases = createLeaseStore(sql);
  closing = createClosing(sql);
  log = createCallbackLog(sql);
  store = createCallbackStore(sql);
  outbox = createCallbackOutbox(sql);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.sql`truncate jobs, callback_streams cascade`;
});

const insert = async (change: Partial<PictureRow> = {}): Promise<string> => {
  const row = newJobRow({ callback: { url: URL, events: CALLBACK_EVENTS }, ...change });
  await jobs.insertJobs([row]);
  return row.id;
};

/** A server of its own for each claim, so that none is full. */
const claim = async (jobId: string, attempt = 1, runIndex = 1): Promise<Lease> => {
  const serverId = `s${(claims += 1)}`;
  await createFleetReports(database.sql, { goneAfterSeconds: 60 }).report({
    ...{ serverId, pool: 'default', room: 1, reachable: true, labels: {}, serves: [] },
    ...{
      files: {},
      nodeClasses: [],
      worker: { id: randomUUID(), startedAt: new Date().toISOString() },
    },
  } as never);
  const answer = await leases.grant(
    grantRequest(jobId, { attempt, runIndex, runId: `run-${runIndex}`, serverId }),
  );
  if (answer.outcome !== 'granted') throw new Error(`not granted: ${answer.outcome}`);
  return answer.lease;
};

const start = async (jobId: string, runId = 'run-1'): Promise<void> => {
  await createOutbox(database.sql).markStarted([jobId]);
  await runs.openRun(jobId, runId);
};

const ending = (
  jobId: string,
  state: TerminalState,
  change: Partial<FinishRecord> = {},
): FinishRecord => ({
  jobId,
  tenant: 'local',
  runId: 'run-1',
  attempt: 1,
  state,
  releaseLease: true,
  ...(state === 'failed' ? { failure: { code: 'graph_refused', message: 'no' } } : {}),
  blobExpiresAt: new Date(Date.now() + 60_000),
  ...change,
});

const at = (streamId: string, number: number) => ({ streamId, number, urgent: 0 });

const told = async (jobId: string): Promise<string[]> =>
  (await log.listDeliveries('local', jobId)).map(({ number, event }) => `${number} ${event}`);

describe('every way a job changes is told', () => {
  it.each([
    ['succeeded', 'Succeeded'],
    ['failed', 'Failed'],
    ['canceled', 'Deleted'],
    ['expired', 'Expired'],
  ] as const)('acceptance, claim, prepare and the end as %s', async (state, event) => {
    const jobId = await insert();
    await start(jobId);
    const lease = await claim(jobId);
    await runs.advance(lease, 'prepare', '{}');
    // A repeated try of either changes nothing.
    await runs.advance(lease, 'prepare', '{}');
    await runs.finish(ending(jobId, state));
    await runs.finish(ending(jobId, state));
    expect(await told(jobId)).toEqual(['1 Initialized', '2 Claimed', '3 Updated', `4 ${event}`]);
  });

  it('a further attempt, and a job that is held and freed', async () => {
    const jobId = await insert();
    await start(jobId);
    await runs.setHeld(jobId, 'run-1', 1, true);
    await runs.setHeld(jobId, 'run-1', 1, false);
    await claim(jobId, 1);
    await claim(jobId, 2);
    expect(await told(jobId)).toEqual([
      '1 Initialized',
      '2 Updated',
      '3 Updated',
      '4 Claimed',
      '5 Claimed',
    ]);
  });

  it('a cancel before the start, which ends the job at once', async () => {
    const jobId = await insert();
    await jobs.requestCancel('local', [jobId]);
    await jobs.requestCancel('local', [jobId]);
    expect(await told(jobId)).toEqual(['1 Initialized', '2 Deleted']);
  });

  it('a cancel of a run that never asked for a server', async () => {
    const jobId = await insert();
    await createOutbox(database.sql).markStarted([jobId]);
    await jobs.requestCancel('local', [jobId]);
    await runs.finish(ending(jobId, 'canceled'));
    expect(await told(jobId)).toEqual(['1 Initialized', '2 Deleted']);
  });

  it('what the closer repairs', async () => {
    const [ended, lost] = [await insert(), await insert()];
    await start(ended);
    await start(lost);
    await closing.endRun(ended, 'run-1', 'failed', { code: 'terminated', message: 'by hand' });
    await closing.loseHistory(lost);
    await closing.loseHistory(lost);
    expect(await told(ended)).toEqual(['1 Initialized', '2 Failed']);
    expect(await told(lost)).toEqual(['1 Initialized', '2 Failed']);
  });

  it('a run that a reset made of one that had ended', async () => {
    const jobId = await insert();
    await start(jobId);
    await claim(jobId);
    await runs.finish(ending(jobId, 'succeeded'));
    await runs.openRun(jobId, 'run-2');
    await claim(jobId, 1, 2);
    await runs.finish(ending(jobId, 'succeeded', { runId: 'run-2' }));
    expect((await told(jobId)).slice(2)).toEqual([
      '3 Succeeded',
      '4 Initialized',
      '5 Claimed',
      '6 Succeeded',
    ]);
  });

  it('whoever writes it: no statement can change the state and tell nothing', async () => {
    const jobId = await insert();
    await database.sql`update jobs set state = 'expired', finished_at = now() where id = ${jobId}`;
    expect(await told(jobId)).toEqual(['1 Initialized', '2 Expired']);
  });

  it('and nothing is told of a change that is rolled back, or late and not applied', async () => {
    const jobId = await insert();
    await start(jobId);
    const lease = await claim(jobId);
    await database.sql
      .begin(async (tx) => {
        await tx`update jobs set state = 'failed' where id = ${jobId}`;
        throw new Error('rolled back');
      })
      .catch(() => undefined);
    await runs.finish(ending(jobId, 'succeeded'));
    await runs.advance(lease, 'prepare', '{}');
    expect(await told(jobId)).toEqual(['1 Initialized', '2 Claimed', '3 Succeeded']);
  });
});

describe('what is told', () => {
  it('is the claim and the end unless other events were asked for', async () => {
    const jobId = await insert({ callback: { url: URL } });
    const other = await insert({ callback: { url: URL, events: ['Updated', 'Deleted'] } });
    for (const id of [jobId, other]) {
      await start(id);
      await runs.advance(await claim(id), 'prepare', '{}');
      await runs.finish(ending(id, 'succeeded'));
    }
    expect(await told(jobId)).toEqual(['1 Claimed', '2 Succeeded']);
    expect(await told(other)).toEqual(['1 Updated']);
    expect(DEFAULT_CALLBACK_EVENTS).not.toContain('Updated');
  });

  it('is nothing without an address', async () => {
    const row = newJobRow();
    await jobs.insertJobs([row]);
    await start(row.id);
    await claim(row.id);
    await runs.finish(ending(row.id, 'succeeded'));
    expect(await database.sql`select from callback_streams`).toHaveLength(0);
  });

  it('is the job as it was then, not as it is now', async () => {
    const jobId = await insert({ callback: { url: URL }, properties: { a: 1 } });
    await start(jobId);
    const { serverId } = await claim(jobId);
    await runs.finish(ending(jobId, 'failed'));
    const claimed = await store.findNext(jobId);
    expect(claimed).toMatchObject({
      number: 1,
      event: 'Claimed',
      url: URL,
      tenant: 'local',
      job: { state: 'running', serverId, failure: null, finishedAt: null, properties: { a: 1 } },
    });
    expect(claimed?.job.claimedAt).toBeInstanceOf(Date);
    await store.noteTry(at(jobId, 1), { state: 'delivered', status: 200 });
    expect(await store.findNext(jobId)).toMatchObject({
      number: 2,
      event: 'Failed',
      job: { state: 'failed', failure: { code: 'graph_refused' } },
    });
  });
});

describe('the outbox of callbacks', () => {
  it('has a stream until Temporal was told of all there is', async () => {
    const jobId = await insert({ callback: { url: URL } });
    await start(jobId);
    expect(await outbox.listUntold(FIRST, 10)).toEqual([]);
    await claim(jobId);
    const [first] = await outbox.listUntold(FIRST, 10);
    expect(first).toMatchObject({ id: jobId, tenant: 'local', isUrgent: false });
    await runs.finish(ending(jobId, 'succeeded'));
    // Told of the claim only: the end came in between.
    if (first) await outbox.markTold(first);
    const [second] = await outbox.listUntold(FIRST, 10);
    expect(second?.id).toBe(jobId);
    if (second) await outbox.markTold(second);
    expect(await outbox.listUntold(FIRST, 10)).toEqual([]);
  });

  it('finds again what should have been tried long ago, and nothing that is sent', async () => {
    const jobId = await insert({ callback: { url: URL, events: ['Initialized'] } });
    const [stream] = await outbox.listUntold(FIRST, 10);
    if (stream) await outbox.markTold(stream);
    expect(await outbox.listForgotten(60_000, 10)).toEqual([]);
    await database.sql`
      update callback_streams set due_at = now() - interval '1 hour', told_at = now() - interval '1 hour'`;
    expect(await outbox.listForgotten(60_000, 10)).toMatchObject([{ id: jobId, isUrgent: true }]);
    await store.noteTry(at(jobId, 1), { state: 'delivered', status: 200 });
    await store.settle(jobId);
    await database.sql`update callback_streams set told_at = now() - interval '1 hour'`;
    expect(await outbox.listForgotten(0, 10)).toEqual([]);
  });
});

describe('the log of deliveries', () => {
  it('shows tries and errors to the tenant alone, and sends again what it is asked for', async () => {
    const jobId = await insert({ callback: { url: URL, events: ['Initialized', 'Deleted'] } });
    await jobs.requestCancel('local', [jobId]);
    const failed = { state: 'pending', error: 'refused', status: 503, waitMs: 60_000 } as const;
    await store.noteTry(at(jobId, 1), failed);
    const [first, second] = await log.listDeliveries('local', jobId);
    expect(first).toMatchObject({ state: 'pending', tries: 1, status: 503, error: 'refused' });
    expect(first?.nextTryAt?.getTime()).toBeGreaterThan(Date.now());
    expect(second).toMatchObject({ state: 'pending', tries: 0, nextTryAt: null });
    expect(await log.listDeliveries('other', jobId)).toEqual([]);
    expect(await log.redeliver('other', jobId)).toEqual([]);
    expect(await log.redeliver('other', jobId, 1)).toEqual([]);

    await store.noteTry(at(jobId, 1), { state: 'dead', error: 'gone' });
    await store.noteTry(at(jobId, 2), { state: 'delivered', status: 200 });
    await store.settle(jobId);
    const [stream] = await outbox.listUntold(FIRST, 10);
    if (stream) await outbox.markTold(stream);
    expect(await log.redeliver('local', jobId)).toEqual([1]);
    expect(await outbox.listUntold(FIRST, 10)).toMatchObject([{ id: jobId, isUrgent: true }]);
    expect(await store.findNext(jobId)).toMatchObject({ number: 1, triesSinceAsked: 0 });
    expect(await log.redeliver('local', jobId, 2)).toEqual([2]);
    expect(await log.redeliver('local', jobId, 3)).toEqual([]);
    // A try of a worker taken for dead ends after the one that delivered.
    await store.noteTry(at(jobId, 1), { state: 'delivered', status: 200 });
    await store.noteTry(at(jobId, 1), failed);
    expect((await log.listDeliveries('local', jobId))[0]).toMatchObject({
      state: 'delivered',
      tries: 3,
    });
  });

  it('is kept while something of it is still to be sent, and then goes with its job', async () => {
    const jobId = await insert({ callback: { url: URL, events: ['Deleted'] } });
    await jobs.requestCancel('local', [jobId]);
    await database.sql`update jobs set finished_at = now() - interval '10 days'`;
    const collector = createCollectorStore(database.sql);
    expect(await collector.deleteOldJobs(5, 10)).toBe(0);
    await store.noteTry(at(jobId, 1), { state: 'dead', error: 'given up' });
    expect(await collector.deleteOldJobs(5, 10)).toBe(1);
    expect(await database.sql`select from callback_deliveries`).toHaveLength(0);
  });
});
