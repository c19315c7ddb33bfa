import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCollectorStore } from '../../src/db/collector-store.ts';
import { createGraphStore } from '../../src/db/job-graphs.ts';
import type { NewJobRow } from '../../src/db/job-row.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newJobRow } from '../support/jobs.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** Keys that a database would put into another order. */
const TEXT = '{"b":{"class_type":"X","inputs":{}},"a":{"class_type":"Y","inputs":{}}}';

const graphRow = (sha256: string, batchId: string, position = 0): NewJobRow => ({
  ...newJobRow({ type: 'comfy', batchId, position }),
  generation: {
    operation: 'comfy',
    graph: { sha256, bytes: TEXT.length, nodes: 2 },
    ...{ classes: [], models: [], media: [] },
  },
  graph: { sha256, text: TEXT },
});

const count = async (): Promise<number> => (await database.sql`select from job_graphs`).count;

describe('graphs of clients', () => {
  it('are stored once for all jobs of a request, with the jobs or not at all', async () => {
    const batchId = randomUUID();
    const rows = [
      graphRow('one', batchId),
      graphRow('one', batchId, 1),
      graphRow('two', batchId, 2),
    ];
    const key = { key: 'k', bodySha256: 'b' };
    await createJobStore(database.sql).insertJobs(rows, key);
    expect(await count()).toBe(2);
    // The same request again brings nothing.
    const again = randomUUID();
    await createJobStore(database.sql).insertJobs([graphRow('one', again)], key);
    expect(await count()).toBe(2);
    const limited = createJobStore(database.sql, { maxQueued: 3 });
    await expect(limited.insertJobs([graphRow('three', randomUUID())])).rejects.toMatchObject({
      code: 'too_many_requests',
    });
    expect(await count()).toBe(2);
    const found = await createGraphStore(database.sql).findGraphs(rows);
    expect([...found]).toEqual([
      ['one', TEXT],
      ['two', TEXT],
    ]);
  });

  it('are left out of an answer that would grow too large by showing one with each of many jobs', async () => {
    const batchId = randomUUID();
    const large = (position: number): NewJobRow => {
      const row = graphRow('large', batchId, position);
      if (row.generation.operation !== 'comfy') throw new Error('not a graph');
      const graph = { ...row.generation.graph, bytes: 4_000_000 };
      return { ...row, generation: { ...row.generation, graph } };
    };
    const rows = Array.from({ length: 5 }, (_, position) => large(position));
    await createJobStore(database.sql).insertJobs(rows);
    const { findGraphs } = createGraphStore(database.sql);
    expect([...(await findGraphs(rows)).keys()]).toEqual([]);
    expect([...(await findGraphs(rows.slice(0, 4))).keys()]).toEqual(['large']);
  });

  it('are shown to their tenant only', async () => {
    const row = graphRow('mine', randomUUID());
    await createJobStore(database.sql).insertJobs([row]);
    const { findGraphs } = createGraphStore(database.sql);
    expect((await findGraphs([row])).size).toBe(1);
    expect((await findGraphs([{ ...row, tenant: 'bob' }])).size).toBe(0);
  });

  it('go when the last job of their request is gone, and not while a request is being accepted', async () => {
    const row = graphRow('old', randomUUID());
    await createJobStore(database.sql).insertJobs([row]);
    const store = createCollectorStore(database.sql);
    await database.sql`update job_graphs set created_at = now() - interval '2 hours'`;
    expect(await store.deleteUnusedGraphs()).toBe(0);
    await database.sql`delete from jobs where id = ${row.id}`;
    expect(await store.deleteUnusedGraphs()).toBe(1);
    await database.sql`delete from jobs`;
    await database.sql`update job_graphs set created_at = now()`;
    expect(await store.deleteUnusedGraphs()).toBe(0);
  });
});
