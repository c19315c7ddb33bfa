/** The quota of jobs a day, kept by the stores of two API processes at one database. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectDatabase, type Sql } from '../../src/db/connect.ts';
import { createJobStore, type JobStore } from '../../src/db/jobs.ts';
import { createTenantStore } from '../../src/db/tenants.ts';
import { isOrchestratorError } from '../../src/errors.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newJobRow } from '../support/jobs.ts';

const LIMIT = 20;
let database: TestDatabase;
let other: Sql;
let stores: readonly JobStore[];
beforeAll(async () => {
  database = await createTestDatabase();
  other = connectDatabase({ url: database.url, maxConnections: 5, applicationName: 'other' });
  stores = [database.sql, other].map((sql) => createJobStore(sql, { maxJobsPerDay: LIMIT }));
});
afterAll(async () => {
  await other.end();
  await database.drop();
});
beforeEach(async () => {
  await database.sql`delete from jobs`;
  await database.sql`delete from idempotency_keys`;
  await database.sql`update tenants set day = default, max_jobs_per_day = null`;
});

const countJobs = async (): Promise<number> => {
  const [row] = await database.sql<{ n: number }[]>`select count(*)::int as n from jobs`;
  return row?.n ?? 0;
};
/** Inserts a batch at one of the processes; the refusal, or undefined. */
const submit = async (size: number, at = 0, idempotencyKey?: string) => {
  const rows = Array.from({ length: size }, () => newJobRow());
  const idempotency = idempotencyKey && { key: idempotencyKey, bodySha256: 'x' };
  try {
    await stores[at % stores.length]?.insertJobs(rows, idempotency || undefined);
    return undefined;
  } catch (error) {
    if (isOrchestratorError(error)) return error;
    throw error;
  }
};

describe('the quota of jobs a day', () => {
  it('is not passed by batches at two processes at once, and none is accepted in part', async () => {
    const refusals = await Promise.all(Array.from({ length: 20 }, (_, at) => submit(3, at)));
    expect(refusals.filter((refusal) => refusal === undefined)).toHaveLength(6);
    expect(await countJobs()).toBe(18);
    expect(await submit(3)).toBeDefined();
    expect(await submit(2, 1)).toBeUndefined();
    expect(await countJobs()).toBe(LIMIT);
  });

  it('refuses with what was used, the limit, and the midnight at which it frees', async () => {
    await submit(LIMIT - 1);
    const refusal = await submit(2);
    const midnight = new Date();
    midnight.setUTCHours(24, 0, 0, 0);
    expect(refusal).toMatchObject({
      ...{ code: 'quota_exceeded', status: 429, retryable: true },
      quota: {
        ...{ quota: 'jobsPerDay', used: LIMIT - 1, limit: LIMIT, requested: 2 },
        freesAt: midnight.toISOString(),
      },
    });
    const secondsLeft = (midnight.getTime() - Date.now()) / 1_000;
    expect(Math.abs((refusal?.retryAfterSeconds ?? 0) - secondsLeft)).toBeLessThan(60);
    expect((await submit(LIMIT + 1))?.message).toContain(`Send at most ${LIMIT} jobs a day`);
  });

  it('counts jobs that have ended or are gone, and a request under an idempotency key once', async () => {
    await submit(LIMIT - 2, 0, 'again');
    await submit(LIMIT - 2, 1, 'again');
    await database.sql`delete from jobs`;
    expect(await submit(3)).toBeDefined();
    expect(await submit(2)).toBeUndefined();
  });

  it('begins anew with the day, and a request that looked at the clock before midnight loses no count', async () => {
    await submit(LIMIT);
    await database.sql`update tenants set day = day - 1`;
    expect(await submit(LIMIT)).toBeUndefined();
    // As if a quicker neighbour had counted for tomorrow already.
    await database.sql`update tenants set day = day + 1, day_jobs = 5`;
    expect(await submit(LIMIT - 5)).toBeUndefined();
    expect(await submit(1)).toBeDefined();
  });

  it('of a tenant is what an operator sets, and there is none without a number', async () => {
    const tenants = createTenantStore(database.sql);
    await tenants.updateTenant('local', { maxJobsPerDay: 2 });
    expect((await submit(3))?.quota).toMatchObject({ used: 0, limit: 2 });
    await tenants.updateTenant('local', { maxJobsPerDay: null });
    expect(await submit(3)).toBeUndefined();
    expect(await tenants.listTenantUse()).toMatchObject([{ tenant: 'local', jobsToday: 3 }]);
    const unlimited = createJobStore(database.sql);
    const rows = Array.from({ length: LIMIT }, () => newJobRow());
    await expect(unlimited.insertJobs(rows)).resolves.toBeDefined();
  });
});
