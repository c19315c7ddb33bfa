/** Quotas as a tenant sees them, and stored bytes, on a real API; without workers, so that what is accepted stays queued. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runTenantsSet } from '../../src/commands/tenants.ts';
import { loadConfig } from '../../src/config.ts';
import type { Problem } from '../../src/contract/problem.ts';
import type { Quota } from '../../src/contract/quota.ts';
import { createBlobRecords } from '../../src/db/blobs.ts';
import { connectDatabase, type Sql } from '../../src/db/connect.ts';
import { createUploadStore } from '../../src/db/kept-files.ts';
import { createStoredBytes } from '../../src/db/stored-bytes.ts';
import type { OrchestratorError } from '../../src/errors.ts';
import { pictureRequest, postJobs } from '../support/jobs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({
    role: 'api',
    env: { TENANT_MAX_RUNNING: '4', TENANT_MAX_JOBS_PER_DAY: '10', RATE_LIMIT_PER_MINUTE: '5000' },
  });
});
afterAll(() => stack.stop());
beforeEach(async () => {
  await stack.sql`delete from jobs`;
  await stack.sql`delete from blobs`;
  await stack.sql`update tenants set day = default, max_stored_bytes = null, max_jobs_per_day = null`;
});

const readQuota = async (): Promise<Quota> =>
  (await (await fetch(`${stack.url}/v1/quota`)).json()) as Quota;
const post = (quantity = 1) => postJobs(stack.url, pictureRequest(2, { quantity }));
const operate = (options: object): Promise<void> =>
  runTenantsSet(loadConfig(stack.env), () => undefined, 'local', options);
const daysOn = (days: number) => new Date(Date.now() + days * 86_400_000);
const store = (id: string, bytes: number, expiresAt: Date, tenant = 'local'): Promise<void> =>
  createBlobRecords(stack.sql).putBlobs([
    { id, tenant, bytes, expiresAt, jobId: null, storageKey: id, contentType: 'x/y', sha256: '' },
  ]);

describe('GET /v1/quota', () => {
  it('shows what is used and what may be, of a tenant that did nothing yet as well', async () => {
    const resetsAt = new Date(new Date().setUTCHours(24, 0, 0, 0)).toISOString();
    expect(await readQuota()).toEqual({
      tenant: 'local',
      jobsPerDay: { used: 0, limit: 10, resetsAt },
      queued: { used: 0, limit: 100_000 },
      running: { used: 0, limit: 4 },
      storedBytes: { used: 0, limit: null },
      requestsPerMinute: { limit: 5_000 },
    });
    expect((await post(3)).status).toBe(202);
    await store('a', 700, daysOn(1));
    await store('over', 5_000, daysOn(-1));
    await store('of another', 5_000, daysOn(1), 'bob');
    await operate({ maxStoredBytes: '1000', maxJobsPerDay: '5' });
    expect(await readQuota()).toMatchObject({
      jobsPerDay: { used: 3, limit: 5 },
      queued: { used: 3 },
      storedBytes: { used: 700, limit: 1_000 },
    });
    expect((await post(3)).status).toBe(429);
    expect((await readQuota()).jobsPerDay.used).toBe(3);
  });
});

describe('the quota of stored bytes', () => {
  it('refuses jobs with 403 once it is used up, and tells what is used and when there is room', async () => {
    const [tomorrow, later] = [daysOn(1), daysOn(2)];
    await store('a', 600, tomorrow);
    await store('b', 400, later);
    await operate({ maxStoredBytes: '1000', maxJobsPerDay: '100000' });
    const refused = await until('the quota counts', async () => {
      const answer = await post();
      return answer.status === 403 && answer;
    });
    expect(JSON.parse(refused.text) as Problem).toMatchObject({
      ...{ code: 'quota_exceeded', quota: 'storedBytes', used: 1_000, limit: 1_000 },
      freesAt: tomorrow.toISOString(),
    });
    await stack.sql`delete from blobs where id = 'a'`;
    await until('there is room again', async () => (await post()).status === 202);
  });

  it('frees when what is left fits, not when the first file goes', async () => {
    const { sumStored, findFreeing } = createStoredBytes(stack.sql);
    const days = [1, 2, 3].map(daysOn);
    for (const [at, day] of days.entries()) await store(`f${at}`, 100, day);
    expect(await sumStored('local')).toBe(300);
    const freed = (bytes: number) => findFreeing('local', bytes);
    expect(await freed(300)).toBeUndefined();
    expect(await freed(299)).toEqual(days[0]);
    expect(await freed(200)).toEqual(days[0]);
    expect(await freed(199)).toEqual(days[1]);
    expect(await freed(0)).toEqual(days[2]);
    expect(await findFreeing('nobody', 0)).toBeUndefined();
    await stack.sql`update blobs set expires_at = 'infinity' where id = 'f2'`;
    expect(await freed(0)).toBeUndefined();
    expect(await freed(100)).toEqual(days[1]);
  });

  it('is not passed by uploads at two processes at once, and a file may replace itself', async () => {
    const other = connectDatabase({
      ...{ url: stack.env['DATABASE_URL'] ?? '', maxConnections: 5, applicationName: 'other' },
    });
    try {
      const keep = (sql: Sql, id: string, bytes: number) =>
        createUploadStore(sql)
          .keepFile(
            {
              ...{ id, bytes, tenant: 'local', storageKey: id, contentType: 'x/y', sha256: '' },
              ...{ jobId, replace: true, retentionDays: 1 },
            },
            1_000,
          )
          .then(
            () => 'kept',
            (error: unknown) => (error as OrchestratorError).quota,
          );
      const jobId = (await post()).jobIds[0] ?? '';
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, at) => keep(at % 2 ? stack.sql : other, `u${at}`, 300)),
      );
      expect(answers.filter((answer) => answer === 'kept')).toHaveLength(3);
      expect(answers.find((answer) => answer !== 'kept')).toMatchObject({
        ...{ quota: 'storedBytes', used: 900, limit: 1_000, requested: 300 },
      });
      expect(await createStoredBytes(stack.sql).sumStored('local')).toBe(900);
      const mine = `u${answers.indexOf('kept')}`;
      expect(await keep(other, mine, 400)).toBe('kept');
      expect(await keep(stack.sql, mine, 401)).toMatchObject({ used: 600, requested: 401 });
    } finally {
      await other.end();
    }
  });

  it('refuses jobs that would store, and none that makes room', async () => {
    await store('a', 1_000, daysOn(1));
    await operate({ maxStoredBytes: '1000', maxJobsPerDay: '100000' });
    const send = (body: object) => postJobs(stack.url, body);
    await until('the quota counts', async () => (await post()).status === 403);
    expect((await send({ $type: 'blobUpload' })).status).toBe(403);
    const removal = await send({ $type: 'blobDelete', key: 'a' });
    expect(removal.status, removal.text).toBe(202);
  });
});
