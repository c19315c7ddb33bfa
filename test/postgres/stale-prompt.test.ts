import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createClosing } from '../../src/db/closing.ts';
import { createCollectorStore } from '../../src/db/collector-store.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import { createLeaseStore, type LeaseStore } from '../../src/db/leases.ts';
import { createOutbox } from '../../src/db/outbox.ts';
import { createRunStore, type RunStore } from '../../src/db/runs.ts';
import type { Lease } from '../../src/domain/job.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { grantRequest } from '../support/grant-request.ts';
import { newJobRow } from '../support/jobs.ts';

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
  await database.sql`truncate jobs, servers, leases, job_runs, blobs, idempotency_keys cascade`;
  await database.sql`insert into servers (id, pool, room, reachable) values ('a', 'default', 4, true)`;
});

const insertJob = async (): Promise<string> => {
  const job = newJobRow();
  await createJobStore(database.sql).insertJobs([job]);
  await createOutbox(database.sql).markStarted([job.id]);
  return job.id;
};
const tryGrant = async (jobId: string, attempt = 1) => {
  await runs.openRun(jobId, `run-${jobId}`);
  return leases.grant(grantRequest(jobId, { runId: `run-${jobId}`, attempt }));
};
const granted = async (jobId: string): Promise<Lease> => {
  const answer = await tryGrant(jobId);
  if (answer.outcome !== 'granted') throw new Error(answer.outcome);
  return answer.lease;
};
const roomLeft = async (): Promise<number> => {
  const [server] = await leases.listRoom('default');
  return Math.max(0, (server?.room ?? 0) - (server?.used ?? 0));
};

describe('a server that may have a prompt whose job went on without it', () => {
  it.each([
    ['was given up', (lease: Lease) => leases.giveUp(lease)],
    [
      'has ended',
      (lease: Lease) =>
        createClosing(database.sql).endRun(lease.jobId, lease.runId, 'failed', undefined),
    ],
    ['was reset', (lease: Lease) => runs.openRun(lease.jobId, 'run-2')],
  ])('is granted nothing while the attempt %s and was not withdrawn', async (_what, goOn) => {
    const lease = await granted(await insertJob());
    const other = await insertJob();
    expect(await roomLeft()).toBe(3);
    await goOn(lease);
    expect(await roomLeft()).toBe(0);
    expect((await tryGrant(other)).outcome).toBe('full');
    await leases.release(lease);
    expect(await roomLeft()).toBe(4);
    expect((await tryGrant(other)).outcome).toBe('granted');
  });

  it('is granted jobs all the same when it is through with the prompt', async () => {
    const lease = await granted(await insertJob());
    await leases.markDrawn('a', lease.promptId);
    await leases.giveUp(lease);
    expect((await tryGrant(await insertJob())).outcome).toBe('granted');
  });

  it('is not known to a lease that is gone', async () => {
    const lease = await granted(await insertJob());
    await leases.release(lease);
    await leases.giveUp(lease);
    expect(await roomLeft()).toBe(4);
  });
});

describe('an idempotency key', () => {
  it('lives as long as the jobs it stands for', async () => {
    const key = { key: 'k', bodySha256: 'ab' };
    const job = newJobRow();
    const store = createJobStore(database.sql);
    const collector = createCollectorStore(database.sql);
    const answer = { status: 202, body: '{}' };
    await store.insertJobs([job], key, answer);
    await database.sql`update idempotency_keys set created_at = now() - interval '1 year'`;
    expect(await collector.deleteUnusedIdempotencyKeys()).toBe(0);
    expect(await store.findIdempotent('local', key)).toEqual({ batchId: job.batchId, answer });
    expect(await store.findIdempotent('other', key)).toBeUndefined();
    await database.sql`delete from jobs`;
    expect(await collector.deleteUnusedIdempotencyKeys()).toBe(1);
    expect(await store.findIdempotent('local', key)).toBeUndefined();
  });
});
