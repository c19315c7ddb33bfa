/** Callers of two API processes who wait for jobs that a third process ends: woken by the end, not by a poll. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createJobWaiter } from '../../src/client/job-waiter.ts';
import { connectDatabase, type Sql } from '../../src/db/connect.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import type { JobRow } from '../../src/db/job-row.ts';
import { createWakeups, type Wakeups } from '../../src/db/wakeups.ts';
import { silentLogger } from '../../src/telemetry.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newJobRow } from '../support/jobs.ts';

let database: TestDatabase;
const open: { sql: Sql; wakeups: Wakeups }[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  for (const { sql, wakeups } of open) {
    await wakeups.close();
    await sql.end({ timeout: 1 });
  }
  await database.drop();
});

async function startProcess() {
  const sql = connectDatabase({ url: database.url, maxConnections: 2, applicationName: 'test' });
  const wakeups = await createWakeups(sql, silentLogger);
  open.push({ sql, wakeups });
  return { jobs: createJobStore(sql), wakeups };
}

/** An API whose look at the database, once a second, finds nothing: only a wake-up can end a wait. */
async function startApi() {
  const { jobs, wakeups } = await startProcess();
  const waiter = createJobWaiter({ wakeups, listEnded: () => Promise.resolve([]) });
  return async (ids: readonly string[]): Promise<readonly JobRow[]> => {
    const load = (): Promise<JobRow[]> => jobs.listJobs('local', ids);
    return waiter.waitForEnd({ rows: await load(), load, timeoutMs: 600_000 });
  };
}

describe('callers who wait at two APIs', () => {
  it('are woken when the last of their jobs has ended, wherever it ended', async () => {
    const [one, other, worker] = [await startApi(), await startApi(), await startProcess()];
    const rows = Array.from({ length: 3 }, () => newJobRow());
    await worker.jobs.insertJobs(rows);
    const ids = rows.map(({ id }) => id);
    let answered = 0;
    const waits = [one(ids), one(ids.slice(0, 1)), other(ids), other(ids)].map(async (wait) => {
      const found = await wait;
      answered += 1;
      return found;
    });
    for (const [index, id] of ids.entries()) {
      await database.sql`update jobs set state = 'succeeded', finished_at = now() where id = ${id}`;
      if (index === 2) expect(answered).toBeLessThanOrEqual(1);
      worker.wakeups.wake('done', id);
    }
    for (const found of await Promise.all(waits))
      expect(found.every(({ state }) => state === 'succeeded')).toBe(true);
  });
});
