import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createJobStore } from '../../src/db/jobs.ts';
import { createLeaseStore } from '../../src/db/leases.ts';
import { createRunStore } from '../../src/db/runs.ts';
import type { Channel } from '../../src/db/wakeups.ts';
import type { Lease } from '../../src/domain/job.ts';
import type { Placer } from '../../src/workers/placer.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { grantRequest } from '../support/grant-request.ts';
import { newJobRow } from '../support/jobs.ts';
import { claimOf, createTestPlacer } from '../support/placer.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let placer: Placer;
/** Reads of room, alone or with the opening of a run. */
let asked = 0;
let afterOpening: () => Promise<void>;
const closed = new Set<string>();
const listeners = new Map<Channel, (ids: readonly string[]) => void>();

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.sql`truncate jobs, servers, leases, job_runs cascade`;
  await database.sql`insert into servers (id, pool, room, reachable) values ('a', 'default', 1, true)`;
  const leases = createLeaseStore(database.sql);
  const runs = createRunStore(database.sql);
  asked = 0;
  afterOpening = () => Promise.resolve();
  placer = createTestPlacer(database.sql, {
    leases: {
      ...leases,
      listRoom: (pool) => {
        asked += 1;
        return leases.listRoom(pool);
      },
    },
    runs: {
      ...runs,
      openClaim: async (jobId, runId, pool) => {
        if (pool !== undefined) asked += 1;
        const opened = await runs.openClaim(jobId, runId, pool);
        await afterOpening();
        return opened;
      },
    },
    wakeups: { on: (channel, listener) => (listeners.set(channel, listener), () => true) },
    jobRuns: {
      isRunClosed: (_workflowId, runId) => Promise.resolve(closed.has(runId)),
      cancel: () => Promise.resolve(false),
    },
    // Only what it is told counts here.
    pollMs: 600_000,
  });
});
afterEach(() => placer.close());

async function claim(): Promise<{ jobId: string; lease: Promise<Lease> }> {
  const job = newJobRow();
  await createJobStore(database.sql).insertJobs([job]);
  const { id: jobId } = job;
  const lease = placer.claim(claimOf(jobId), new AbortController().signal);
  lease.catch(() => undefined);
  await until('its run is open', async () => {
    const rows = await database.sql`select from job_runs where job_id = ${jobId}`;
    return rows.count > 0;
  });
  return { jobId, lease };
}

describe('the window of a placer', () => {
  it('looks for room once it is told of some, not for every claim that comes while there is none', async () => {
    const first = await (await claim()).lease;
    const second = await claim();
    await claim();
    await claim();
    expect(asked).toBe(1);
    await createLeaseStore(database.sql).release(first);
    listeners.get('room')?.([]);
    expect((await second.lease).jobId).toBe(second.jobId);
    expect(asked).toBe(2);
  });

  it('looks for room for the first claim after all room was taken and given back meanwhile', async () => {
    const first = await (await claim()).lease;
    await createLeaseStore(database.sql).release(first);
    listeners.get('room')?.([]);
    const next = await claim();
    expect((await next.lease).jobId).toBe(next.jobId);
  });

  it('looks again when room is given back after it was read with the opening of a run', async () => {
    const leases = createLeaseStore(database.sql);
    const job = newJobRow();
    await createJobStore(database.sql).insertJobs([job]);
    await createRunStore(database.sql).openRun(job.id, 'run-1');
    const answer = await leases.grant(grantRequest(job.id));
    afterOpening = async () => {
      if (answer.outcome === 'granted') await leases.release(answer.lease);
      listeners.get('room')?.([]);
    };
    const next = await claim();
    expect((await next.lease).jobId).toBe(next.jobId);
    expect(asked).toBe(2);
  });

  it('keeps a claim whose open run a crash of the database forgot, and opens it again', async () => {
    const { sql } = database;
    const holder = await (await claim()).lease;
    const { jobId, lease } = await claim();
    await sql`delete from job_runs where job_id = ${jobId}`;
    await sql`update jobs set run_id = null, run_index = 0, started_at = null where id = ${jobId}`;
    await createLeaseStore(sql).release(holder);
    listeners.get('room')?.([]);
    expect(await lease).toMatchObject({ jobId, runIndex: 1 });
  });

  it('is left by a claim whose run is closed, soon after that is told, and by no other', async () => {
    const holder = await (await claim()).lease;
    const over = await claim();
    const going = await claim();
    closed.add(`run-${over.jobId}`);
    listeners.get('done')?.([over.jobId, going.jobId]);
    await expect(over.lease).rejects.toMatchObject({ code: 'conflict' });
    await createLeaseStore(database.sql).release(holder);
    listeners.get('room')?.([]);
    expect((await going.lease).jobId).toBe(going.jobId);
  });

  it('is left by the claim of a held job, which takes no server', async () => {
    const holder = await (await claim()).lease;
    const held = await claim();
    const next = await claim();
    await database.sql`update jobs set held = true where id = ${held.jobId}`;
    await createLeaseStore(database.sql).release(holder);
    listeners.get('room')?.([]);
    await expect(held.lease).rejects.toThrow('held');
    // Its room went to the next, though nobody told of room once more.
    expect((await next.lease).jobId).toBe(next.jobId);
  });
});
