/** Jobs that wait for others, on a real PostgreSQL: what lets them go, what ends them, and who must not be missed. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCollectorStore } from '../../src/db/collector-store.ts';
import { createDependencies, type Dependencies } from '../../src/db/dependencies.ts';
import type { JobRow, NewJobRow } from '../../src/db/job-row.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import { createOutbox } from '../../src/db/outbox.ts';
import { createWakeups } from '../../src/db/wakeups.ts';
import type { JobState } from '../../src/domain/job.ts';
import { silentLogger } from '../../src/telemetry.ts';
import { createDependencyWatch } from '../../src/workers/dependency-watch.ts';
import type { Loop } from '../../src/workers/loop.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newJobRow, type PictureRow } from '../support/jobs.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let dependencies: Dependencies;
beforeAll(async () => {
  database = await createTestDatabase();
  dependencies = createDependencies(database.sql);
});
afterAll(() => database.drop());
beforeEach(() => database.sql`delete from jobs`);

const HOUR = 3_600_000;
const store = () => createJobStore(database.sql);
/** A row as acceptance makes it for a job that waits. */
const waiting = (needs: readonly string[], change: Partial<PictureRow> = {}): NewJobRow =>
  newJobRow({ needs, startInMs: 2 * HOUR, ...change });
const insert = async (...rows: NewJobRow[]): Promise<string[]> => {
  await store().insertJobs(rows);
  return rows.map(({ id }) => id);
};
const end = async (id: string, state: JobState, failure: object | null = null): Promise<void> => {
  await database.sql`
    update jobs set state = ${state}, finished_at = now(),
      failure = ${failure ? database.sql.json(failure as never) : null} where id = ${id}`;
};
const rowOf = async (id: string): Promise<JobRow> => {
  const row = await store().findJob('local', id);
  if (!row) throw new Error(`no job ${id}`);
  return row;
};
/** Ids that a starter would start now. */
async function due(): Promise<string[]> {
  const ids: string[] = [];
  await createOutbox(database.sql).takeDue(100, (rows) => {
    ids.push(...rows.map(({ id }) => id));
    return Promise.resolve([]);
  });
  return ids;
}

describe('a job that waits for others', () => {
  it('is in nobody’s way until the last of them has succeeded, then it is started', async () => {
    const [a = '', b = ''] = await insert(newJobRow(), newJobRow());
    const [c = ''] = await insert(waiting([a, b]));
    expect((await due()).sort()).toEqual([a, b].sort());
    expect(await dependencies.settle('all', 10)).toEqual({ released: [], ended: [] });
    await end(a, 'succeeded');
    expect(await dependencies.settle({ neededIds: [a] }, 10)).toEqual({ released: [], ended: [] });
    expect(await rowOf(c)).toMatchObject({ state: 'queued', awaitsJobs: true });
    await end(b, 'succeeded');
    expect(await dependencies.settle({ neededIds: [b] }, 10)).toEqual({ released: [c], ended: [] });
    expect(await rowOf(c)).toMatchObject({ state: 'queued', awaitsJobs: false });
    expect(await due()).toEqual([c]);
    expect((await database.sql`select from job_dependencies`).count).toBe(0);
  });

  it.each([
    ['failed', 'which failed (graph_refused: node 4)'],
    ['canceled', 'which was cancelled'],
    ['expired', 'which expired'],
  ] as const)('ends when one of them has %s, with that reason', async (state, reason) => {
    const [a = '', b = ''] = await insert(newJobRow(), newJobRow());
    const [c = ''] = await insert(waiting([a, b]));
    await end(b, state, state === 'failed' ? { code: 'graph_refused', message: 'node 4' } : null);
    expect(await dependencies.settle({ neededIds: [b] }, 10)).toEqual({ released: [], ended: [c] });
    const row = await rowOf(c);
    expect(row).toMatchObject({
      state: 'failed',
      failure: { code: 'dependency_failed', message: `It depends on job ${b}, ${reason}.` },
    });
    expect(row.finishedAt).not.toBeNull();
  });

  it('ends when one of them is gone from the database', async () => {
    const gone = randomUUID();
    const [c = ''] = await insert(waiting([gone]));
    expect(await dependencies.settle('all', 10)).toMatchObject({ ended: [c] });
    expect((await rowOf(c)).failure?.message).toContain('no longer known');
  });

  it('expires while it waits, and says what for', async () => {
    const [a = ''] = await insert(newJobRow());
    const [c = ''] = await insert(waiting([a], { expireAt: new Date(Date.now() - 1) }));
    expect(await dependencies.settle('all', 10)).toMatchObject({ ended: [c] });
    expect(await rowOf(c)).toMatchObject({ state: 'expired', failure: { code: 'expired' } });
    expect((await rowOf(c)).failure?.message).toContain(`${a} (queued)`);
  });

  it('can be cancelled, stays so, and takes those with it that wait for it', async () => {
    const [a = ''] = await insert(newJobRow());
    const [b = ''] = await insert(waiting([a]));
    const [c = ''] = await insert(waiting([b]));
    expect(await store().requestCancel('local', [b], false)).toEqual([b]);
    await end(a, 'succeeded');
    expect(await dependencies.settle('all', 10)).toEqual({ released: [], ended: [c] });
    expect((await rowOf(b)).state).toBe('canceled');
    expect((await rowOf(c)).failure?.message).toContain('was cancelled');
  });

  it('counts as queued', async () => {
    const limited = createJobStore(database.sql, { maxQueued: 2 });
    const tenant = randomUUID();
    const first = newJobRow({ tenant });
    await limited.insertJobs([first, waiting([first.id], { tenant })]);
    await expect(limited.insertJobs([newJobRow({ tenant })])).rejects.toMatchObject({
      code: 'too_many_requests',
    });
  });

  it('keeps the collector from deleting what it waits for', async () => {
    const [a = '', b = ''] = await insert(newJobRow(), newJobRow());
    const [c = ''] = await insert(waiting([a, b]));
    await end(a, 'succeeded');
    await database.sql`update jobs set finished_at = now() - interval '9 days' where id = ${a}`;
    const collector = createCollectorStore(database.sql);
    expect(await collector.deleteOldJobs(1, 10)).toBe(0);
    await end(b, 'succeeded');
    await dependencies.settle('all', 10);
    expect((await rowOf(c)).awaitsJobs).toBe(false);
    expect(await collector.deleteOldJobs(1, 10)).toBe(1);
  });

  it('is told with what it waits for', async () => {
    const [a = ''] = await insert(newJobRow({ cost: 0.5 }));
    const gone = randomUUID();
    const [c = ''] = await insert(waiting([a, gone]));
    const needs = (await dependencies.listNeeds([c])).get(c);
    expect(needs).toHaveLength(2);
    expect(needs).toContainEqual({ id: a, state: 'queued', cost: 0.5 });
    expect(needs).toContainEqual({ id: gone, state: null, cost: null });
  });
});

describe('watches of several processes', () => {
  const loops: Loop[] = [];
  const startWatch = async (deaf = false): Promise<Loop> => {
    const wakeups = await createWakeups(database.sql, silentLogger);
    const loop = createDependencyWatch({
      dependencies,
      wakeups: deaf ? { on: () => () => undefined, wake: () => undefined } : wakeups,
      pollMs: 100,
      logger: silentLogger,
    });
    loops.push({
      wake: () => loop.wake(),
      close: async () => {
        await loop.close();
        await wakeups.close();
      },
    });
    return loop;
  };
  const closeAll = async (): Promise<void> => {
    for (const loop of loops.splice(0)) await loop.close();
  };

  it('miss nobody whose jobs end at the same moment, and settle each once', async () => {
    const needed = await insert(...Array.from({ length: 20 }, () => newJobRow()));
    const all = await insert(...Array.from({ length: 50 }, () => waiting(needed)));
    // A chain behind them that ends link by link.
    const [first = ''] = await insert(newJobRow());
    const chain = [first];
    for (let length = 0; length < 10; length += 1)
      chain.push(...(await insert(waiting([chain.at(-1) ?? '']))));
    for (const deaf of [false, false, true]) await startWatch(deaf);
    try {
      await Promise.all([
        ...needed.map((id) => end(id, 'succeeded')),
        end(first, 'failed', { code: 'interrupted', message: 'by hand' }),
      ]);
      await until('everybody goes on', async () => {
        const [row] = await database.sql<{ left: number }[]>`
          select count(*)::int as left from jobs where awaits_jobs`;
        return row?.left === 0;
      });
    } finally {
      await closeAll();
    }
    const rows = await Promise.all([...all, ...chain].map(rowOf));
    expect(rows.slice(0, 50).every(({ state }) => state === 'queued')).toBe(true);
    expect(rows.slice(50).every(({ state }) => state === 'failed')).toBe(true);
    expect((await due()).sort()).toEqual([...all].sort());
  });

  it('do without wake-ups', async () => {
    const [a = ''] = await insert(newJobRow());
    const [b = ''] = await insert(waiting([a]));
    await startWatch(true);
    try {
      await end(a, 'succeeded');
      await until('it goes on', async () => !(await rowOf(b)).awaitsJobs);
    } finally {
      await closeAll();
    }
  });
});

describe('10,000 jobs that wait', () => {
  it('cost the end of another job one look at an index', async () => {
    const [a = '', b = ''] = await insert(newJobRow(), newJobRow());
    for (let part = 0; part < 10; part += 1)
      await insert(...Array.from({ length: 1_000 }, () => waiting([a])));
    const [c = ''] = await insert(waiting([b]));
    await database.sql`vacuum analyze jobs, job_dependencies`;
    const plan = await database.sql`
      explain select from job_dependencies where needs_id = any(${[b]}::uuid[]) limit 1`;
    expect(JSON.stringify(plan)).toContain('job_dependencies_needs');
    await end(b, 'succeeded');
    expect(await dependencies.settle({ neededIds: [b] }, 10)).toEqual({ released: [c], ended: [] });
    await end(a, 'canceled');
    const settled = await dependencies.settle('all', 200);
    expect([settled.ended.length, settled.released.length]).toEqual([200, 0]);
  });
});
