import { afterAll, beforeAll, expect, it } from 'vitest';
import { createJobStore } from '../../src/db/jobs.ts';
import { createRunStore } from '../../src/db/runs.ts';
import { createSnapshotStore } from '../../src/db/snapshots.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newJobRow } from '../support/jobs.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

it('runs whose events are to be kept are those that are over, until they are kept or given up', async () => {
  const snapshots = createSnapshotStore(database.sql);
  const runs = createRunStore(database.sql);
  const jobs = [newJobRow(), newJobRow(), newJobRow()] as const;
  await createJobStore(database.sql).insertJobs(jobs);
  const [going, reset, failed] = jobs.map(({ id }) => id) as [string, string, string];
  for (const jobId of [going, reset, failed]) await runs.openRun(jobId, 'run-1');
  await runs.openRun(reset, 'run-2');
  await runs.finish({
    jobId: failed,
    tenant: 'local',
    runId: 'run-1',
    attempt: 1,
    state: 'failed',
    releaseLease: true,
    blobExpiresAt: new Date(),
  });
  const left = async () =>
    (await snapshots.listNotKept(10)).map(({ jobId, runId }) => `${jobId} ${runId}`).sort();
  expect(await left()).toEqual([`${failed} run-1`, `${reset} run-1`].sort());
  const snapshot = { runId: 'run-1', status: 'FAILED', events: [] };
  await snapshots.insertSnapshots([{ jobId: failed, ...snapshot }]);
  await snapshots.insertSnapshots([{ jobId: failed, ...snapshot, status: 'TERMINATED' }]);
  expect(await left()).toEqual([`${reset} run-1`]);
  expect(await snapshots.listSnapshots(failed)).toMatchObject([{ status: 'FAILED', runIndex: 1 }]);
  await snapshots.giveUpEvents(reset, 'run-1');
  expect(await left()).toEqual([]);
});
