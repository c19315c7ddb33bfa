import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promptIdFor } from '../../src/activities/prompt-id.ts';
import { createCollectorStore } from '../../src/db/collector-store.ts';
import { createFleetReports } from '../../src/db/fleet-reports.ts';
import { createProgressStore } from '../../src/db/job-progress.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import { createLeaseStore } from '../../src/db/leases.ts';
import { createRunStore } from '../../src/db/runs.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { grantRequest } from '../support/grant-request.ts';
import { newJobRow } from '../support/jobs.ts';

const preview = { contentType: 'image/jpeg' as const, bytes: Buffer.from('ffd8ff00', 'hex') };

describe('the progress of jobs', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  /** A job that holds a lease on that server for its first attempt. */
  const drawing = async (serverId: string) => {
    const { sql } = database;
    await createFleetReports(sql, { goneAfterSeconds: 60 }).report({
      serverId,
      pool: 'default',
      room: 2,
      reachable: true,
    });
    const row = newJobRow();
    const runId = randomUUID();
    await createJobStore(sql).insertJobs([row]);
    await createRunStore(sql).openRun(row.id, runId);
    const grant = (attempt: number) =>
      createLeaseStore(sql).grant(grantRequest(row.id, { runId, attempt, serverId }));
    expect(await grant(1)).toMatchObject({ outcome: 'granted' });
    return {
      jobId: row.id,
      runId,
      grant,
      prompt: (attempt: number) => promptIdFor(row.id, 1, attempt),
    };
  };

  it('never falls within an attempt, keeps its preview, and starts anew with the next', async () => {
    const store = createProgressStore(database.sql);
    const { jobId, grant, prompt } = await drawing('gpu-1');
    const report = (attempt: number, fraction: number, more: object = {}) =>
      store.report({ serverId: 'gpu-1', promptId: prompt(attempt), fraction, ...more });
    expect(await report(1, 0.5, { preview, node: '3' })).toBe(true);
    expect(await report(1, 0.25)).toBe(true);
    const known = (await store.findProgress([jobId])).get(jobId);
    expect(known).toMatchObject({ attempt: 1, fraction: 0.5, node: null, hasPreview: true });
    expect(await store.findPreview(jobId)).toEqual(preview);
    await grant(2);
    expect(await report(2, 0.125)).toBe(true);
    expect(await report(1, 0.75)).toBe(false);
    const next = (await store.findProgress([jobId])).get(jobId);
    expect(next).toMatchObject({ attempt: 2, fraction: 0.125, hasPreview: false });
    expect(await store.findPreview(jobId)).toBeUndefined();
  });

  it('is taken of the server that holds the lease only, and goes with the end of the job', async () => {
    const store = createProgressStore(database.sql);
    const { jobId, runId, prompt } = await drawing('gpu-2');
    const report = (serverId: string, promptId: string) =>
      store.report({ serverId, promptId, fraction: 0.5 });
    expect(await report('other', prompt(1))).toBe(false);
    expect(await report('gpu-2', randomUUID())).toBe(false);
    expect(await report('gpu-2', prompt(1))).toBe(true);
    await createRunStore(database.sql).finish({
      jobId,
      tenant: 'local',
      runId,
      attempt: 1,
      state: 'succeeded',
      releaseLease: true,
      blobExpiresAt: new Date(),
    });
    expect((await store.findProgress([jobId])).size).toBe(0);
    expect(await report('gpu-2', prompt(1))).toBe(false);
  });

  it('that was left behind is collected after an hour', async () => {
    const { sql } = database;
    const { jobId, prompt } = await drawing('gpu-3');
    const store = createProgressStore(sql);
    await store.report({ serverId: 'gpu-3', promptId: prompt(1), fraction: 0.5 });
    await createCollectorStore(sql).deleteOldProgress();
    expect((await store.findProgress([jobId])).size).toBe(1);
    await sql`update job_progress set reported_at = now() - interval '61 minutes'`;
    await createCollectorStore(sql).deleteOldProgress();
    expect((await store.findProgress([jobId])).size).toBe(0);
  });
});
