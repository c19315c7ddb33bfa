import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { promptIdFor } from '../../src/activities/prompt-id.ts';
import { createClosing } from '../../src/db/closing.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import { createLeaseStore, type LeaseStore } from '../../src/db/leases.ts';
import { createRunStore, type FinishRecord, type RunStore } from '../../src/db/runs.ts';
import type { JobRow } from '../../src/db/job-row.ts';
import type { Placer } from '../../src/workers/placer.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newJobRow, rowOf, SD1 } from '../support/jobs.ts';
import { claimOf, createTestPlacer } from '../support/placer.ts';
import { grantRequest } from '../support/grant-request.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let leases: LeaseStore;
let runs: RunStore;
beforeAll(async () => {
  database = await createTestDatabase();
  leases = createLeaseStore(database.sql);
  runs = createRunStore(database.sql);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.sql`truncate jobs, servers, leases, job_runs, blobs cascade`;
  await database.sql`insert into servers (id, pool, room, reachable) values ('a', 'default', 2, true)`;
});

const insertJob = async (): Promise<string> => {
  const job = newJobRow();
  await createJobStore(database.sql).insertJobs([job]);
  return job.id;
};
const rowFor = (jobId: string): Promise<JobRow> => rowOf(database, jobId);
const finishRecord = (jobId: string, change: Partial<FinishRecord> = {}): FinishRecord => ({
  jobId,
  tenant: 'local',
  runId: 'run-1',
  attempt: 1,
  state: 'succeeded',
  releaseLease: true,
  outputs: [
    {
      blobKey: `${jobId}.png`,
      storageKey: `outputs/${jobId}`,
      sha256: 'ab',
      contentType: 'image/png',
      bytes: 3,
    },
  ],
  blobExpiresAt: new Date(Date.now() + 60_000),
  ...change,
});

describe('a grant', () => {
  it('is given once per attempt and again to whoever asks again', async () => {
    const jobId = await insertJob();
    await runs.openRun(jobId, 'run-1');
    const [first, second] = await Promise.all([
      leases.grant(grantRequest(jobId)),
      leases.grant(grantRequest(jobId)),
    ]);
    expect(first).toMatchObject({
      outcome: 'granted',
      lease: { promptId: promptIdFor(jobId, 1, 1) },
    });
    expect(second).toEqual(first);
    expect(await rowFor(jobId)).toMatchObject({ state: 'running', attempt: 1, serverId: 'a' });
  });

  it('is refused to a job that ended, is held, or was superseded by a later attempt or run', async () => {
    const [ended, held, later, reset] = await Promise.all([1, 2, 3, 4].map(insertJob));
    for (const jobId of [ended, held, later, reset]) await runs.openRun(jobId ?? '', 'run-1');
    await runs.finish(finishRecord(ended ?? ''));
    await runs.setHeld(held ?? '', 'run-1', 1, true);
    await leases.grant(grantRequest(later ?? '', { attempt: 2 }));
    await runs.openRun(reset ?? '', 'run-2');
    const outcomes = await Promise.all(
      [ended, held, later, reset].map(
        async (jobId) => (await leases.grant(grantRequest(jobId ?? ''))).outcome,
      ),
    );
    expect(outcomes).toEqual(['closed', 'held', 'closed', 'closed']);
    expect((await leases.listOlderThan(-1_000)).map((lease) => lease.jobId)).toEqual([later]);
  });

  it('is refused by a server that is being drained, though its leases stay, until it is resumed', async () => {
    const [before, during] = [await insertJob(), await insertJob()];
    for (const jobId of [before, during]) await runs.openRun(jobId, 'run-1');
    await leases.grant(grantRequest(before));
    await database.sql`update servers set draining_at = now() where id = 'a'`;
    expect(await leases.listRoom('default')).toMatchObject([{ draining: true, used: 1 }]);
    expect((await leases.grant(grantRequest(during))).outcome).toBe('full');
    expect((await leases.grant(grantRequest(before))).outcome).toBe('granted');
    await database.sql`update servers set draining_at = null where id = 'a'`;
    expect((await leases.grant(grantRequest(during))).outcome).toBe('granted');
  });

  it('of the same moment is taken back by a hold', async () => {
    const jobId = await insertJob();
    await runs.openRun(jobId, 'run-1');
    await leases.grant(grantRequest(jobId));
    await runs.setHeld(jobId, 'run-1', 1, true);
    expect(await leases.listOfRun(jobId, 'run-1')).toEqual([]);
    expect(await rowFor(jobId)).toMatchObject({ state: 'queued', held: true });
  });
});

describe('a lease whose picture is drawn', () => {
  const grantTo = async (): Promise<{ outcome: string; promptId: string; jobId: string }> => {
    const jobId = await insertJob();
    await runs.openRun(jobId, 'run-1');
    const { outcome } = await leases.grant(grantRequest(jobId));
    return { outcome, promptId: promptIdFor(jobId, 1, 1), jobId };
  };
  const used = async (): Promise<number | undefined> => (await leases.listRoom('default'))[0]?.used;

  it('is held and takes no room, and says so only of its own server', async () => {
    const [first, second] = [await grantTo(), await grantTo()];
    await leases.markDrawn('b', first.promptId);
    expect((await grantTo()).outcome).toBe('full');
    await leases.markDrawn('a', first.promptId);
    await leases.markDrawn('a', first.promptId);
    expect(await used()).toBe(1);
    expect((await grantTo()).outcome).toBe('granted');
    expect((await grantTo()).outcome).toBe('full');
    expect(await leases.listOfRun(first.jobId, 'run-1')).toHaveLength(1);
    await leases.release({ jobId: second.jobId, runIndex: 1, attempt: 1 });
    expect(await used()).toBe(1);
  });

  it('takes room all the same while many results are on their way', async () => {
    const outcomes: string[] = [];
    for (let index = 0; index < 8; index += 1) {
      const { outcome, promptId } = await grantTo();
      await leases.markDrawn('a', promptId);
      outcomes.push(outcome);
    }
    expect(outcomes).toEqual([...Array<string>(6).fill('granted'), 'full', 'full']);
  });
});

describe('two placers on one database', () => {
  const placers: Placer[] = [];
  const startPlacer = (): Placer => {
    const placer = createTestPlacer(database.sql, { pollMs: 10 });
    placers.push(placer);
    return placer;
  };
  afterAll(() => {
    for (const placer of placers) placer.close();
  });
  it('never exceed the room over 50 claims', async () => {
    await database.sql`insert into servers (id, pool, room, reachable) values ('b', 'default', 1, true)`;
    const both = [startPlacer(), startPlacer()] as const;
    const ids = await Promise.all(Array.from({ length: 50 }, insertJob));
    const seen: number[] = [];
    const claims = ids.map(async (jobId, index) => {
      const placer = index % 2 === 0 ? both[0] : both[1];
      const lease = await placer.claim(claimOf(jobId), new AbortController().signal);
      const room = await leases.listRoom('default');
      seen.push(...room.map(({ used, room: most }) => used - most));
      await leases.release(lease);
      return lease.promptId;
    });
    expect(new Set(await Promise.all(claims)).size).toBe(50);
    expect(Math.max(...seen)).toBeLessThanOrEqual(0);
  });

  it('give a claim that was asked again its server, though the first asking is stopped afterwards', async () => {
    await database.sql`update servers set room = 0`;
    const placer = startPlacer();
    const jobId = await insertJob();
    const stopFirst = new AbortController();
    const first = placer.claim(claimOf(jobId), stopFirst.signal);
    await until('the run is open', async () => (await rowFor(jobId)).runId !== null);
    const second = placer.claim(claimOf(jobId), new AbortController().signal);
    const third = placer.claim(claimOf(jobId), AbortSignal.abort());
    await expect(third).rejects.toThrow('told to stop');
    stopFirst.abort();
    await expect(first).rejects.toThrow('told to stop');
    await database.sql`update servers set room = 1`;
    expect((await second).jobId).toBe(jobId);
  });

  it('refuse a claim of a job that ended before it started', async () => {
    const jobId = await insertJob();
    await createJobStore(database.sql).requestCancel('local', [jobId]);
    const claim = startPlacer().claim(claimOf(jobId), new AbortController().signal);
    await expect(claim).rejects.toMatchObject({ code: 'conflict' });
    expect((await rowFor(jobId)).state).toBe('canceled');
  });
});

describe('a cancel without force', () => {
  it('spares a job that a server was given, and none that is held', async () => {
    const [drawn, held, waiting] = await Promise.all([1, 2, 3].map(insertJob));
    const store = createJobStore(database.sql);
    for (const jobId of [drawn, held]) {
      await runs.openRun(jobId ?? '', 'run-1');
      await leases.grant(grantRequest(jobId ?? ''));
    }
    await runs.setHeld(held ?? '', 'run-1', 1, true);
    const ids = [drawn, held, waiting].map((jobId) => jobId ?? '');
    expect(new Set(await store.requestCancel('local', ids, false))).toEqual(
      new Set([held, waiting]),
    );
    expect(await store.requestCancel('local', ids, true)).toContain(drawn);
  });
});

describe('runs of a job', () => {
  it('are numbered in the order they open, once each, also by many at once', async () => {
    const jobId = await insertJob();
    const opened = await Promise.all([1, 2, 3].map(() => runs.openRun(jobId, 'run-1')));
    expect(opened.map((run) => run?.runIndex)).toEqual([1, 1, 1]);
    expect(opened.filter((run) => run?.isNew)).toHaveLength(1);
    await leases.grant(grantRequest(jobId));
    expect(await runs.openRun(jobId, 'run-1')).toMatchObject({ runIndex: 1, model: SD1 });
    expect((await rowFor(jobId)).state).toBe('running');
    expect(await runs.openRun(jobId, 'run-2')).toMatchObject({ runIndex: 2, isNew: true });
    expect(await rowFor(jobId)).toMatchObject({
      runId: 'run-2',
      runIndex: 2,
      state: 'queued',
      attempt: 0,
    });
    expect((await runs.openRun(jobId, 'run-1'))?.runIndex).toBe(1);
    expect((await rowFor(jobId)).runIndex).toBe(2);
  });

  it('finish once: row, output and lease together, and a repetition changes nothing', async () => {
    const jobId = await insertJob();
    await runs.openRun(jobId, 'run-1');
    await leases.grant(grantRequest(jobId));
    expect(await runs.finish(finishRecord(jobId))).toMatchObject({ isDone: true });
    const done = await rowFor(jobId);
    expect(done).toMatchObject({ state: 'succeeded', outputs: [{ blobKey: `${jobId}.png` }] });
    expect(await leases.listOfRun(jobId, 'run-1')).toEqual([]);
    expect(await runs.finish(finishRecord(jobId, { state: 'failed' }))).toMatchObject({
      isDone: false,
    });
    expect(await rowFor(jobId)).toEqual(done);
  });

  it('finish late, after a reset superseded them, without a trace', async () => {
    const jobId = await insertJob();
    await runs.openRun(jobId, 'run-1');
    await runs.openRun(jobId, 'run-2');
    const before = await rowFor(jobId);
    expect(await runs.finish(finishRecord(jobId))).toMatchObject({ isDone: false });
    expect(await createClosing(database.sql).endRun(jobId, 'run-1', 'failed', undefined)).toBe(
      false,
    );
    expect(await rowFor(jobId)).toEqual(before);
    expect((await database.sql`select from blobs`).count).toBe(0);
  });

  it('advance their row only forward', async () => {
    const jobId = await insertJob();
    await runs.openRun(jobId, 'run-1');
    const granted = await leases.grant(grantRequest(jobId, { attempt: 2 }));
    if (granted.outcome !== 'granted') throw new Error(granted.outcome);
    await runs.advance(granted.lease, 'prepare', '{}');
    const before = await rowFor(jobId);
    await runs.advance({ ...granted.lease, attempt: 1 }, 'collect', null);
    await runs.advance(granted.lease, 'claim', null);
    expect(await rowFor(jobId)).toEqual(before);
  });
});
