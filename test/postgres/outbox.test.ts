import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createJobStore } from '../../src/db/jobs.ts';
import { createOutbox } from '../../src/db/outbox.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newJobRow } from '../support/jobs.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => database.sql`delete from jobs`);

describe('the outbox', () => {
  it('hands a row to one taker at a time, and only what is due and active', async () => {
    const due = [newJobRow(), newJobRow()];
    const later = newJobRow({ startInMs: 60_000 });
    const canceled = newJobRow();
    const store = createJobStore(database.sql);
    await store.insertJobs([...due, later, canceled]);
    await store.requestCancel('local', [canceled.id]);
    const outbox = createOutbox(database.sql);
    const taken: string[] = [];
    const take = (limit: number): Promise<number> =>
      outbox.takeDue(limit, async (rows) => {
        taken.push(...rows.map(({ id }) => id));
        if (limit === 1) await take(10);
        return rows.map(({ id }) => id);
      });
    await take(1);
    expect([...taken].sort()).toEqual(due.map(({ id }) => id).sort());
    expect(await take(10)).toBe(0);
  });

  it('lets tenants take turns, and takes better levels of a tenant first', async () => {
    const store = createJobStore(database.sql);
    const row = (tenant: string, position: number, priority = 3) =>
      newJobRow({ tenant, position, priority });
    await store.insertJobs(Array.from({ length: 20 }, (_, index) => row('a', index)));
    await store.insertJobs([row('a', 0, 4), row('a', 1, 1)]);
    await store.insertJobs([row('b', 0), row('b', 1), row('b', 2)]);
    await store.insertJobs([row('c', 0)]);
    const outbox = createOutbox(database.sql);
    const take = async (): Promise<string[]> => {
      const taken: string[] = [];
      await outbox.takeDue(4, (rows) => {
        taken.push(...rows.map((one) => `${one.tenant}${one.position}.${one.priority}`));
        return Promise.resolve(rows.map(({ id }) => id));
      });
      return taken.sort();
    };
    expect(await take()).toEqual(['a1.1', 'b0.3', 'c0.3']);
    expect(await take()).toEqual(['a0.3', 'a1.3', 'b1.3', 'b2.3']);
    for (let takes = 0; takes < 4; takes += 1) expect(await take()).toHaveLength(4);
    expect(await take()).toEqual(['a0.4', 'a18.3', 'a19.3']);
    expect(await take()).toEqual([]);
  });

  it('serves tenants beyond the first few as well', async () => {
    const store = createJobStore(database.sql);
    for (const tenant of 'abcdefghij')
      await store.insertJobs([0, 1].map((position) => newJobRow({ tenant, position })));
    const outbox = createOutbox(database.sql);
    const served: string[] = [];
    for (let takes = 0; takes < 5; takes += 1)
      await outbox.takeDue(2, (rows) => {
        served.push(...rows.map(({ tenant }) => tenant));
        return Promise.resolve(rows.map(({ id }) => id));
      });
    expect(served.join('')).toBe('abcdefghij');
  });

  it('keeps a row that Temporal did not acknowledge', async () => {
    const job = newJobRow();
    await createJobStore(database.sql).insertJobs([job]);
    const jobId = job.id;
    const outbox = createOutbox(database.sql);
    expect(await outbox.takeDue(10, () => Promise.resolve([]))).toBe(1);
    expect(await outbox.takeDue(10, () => Promise.resolve([jobId]))).toBe(1);
    expect(await outbox.takeDue(10, () => Promise.resolve([]))).toBe(0);
  });
});
