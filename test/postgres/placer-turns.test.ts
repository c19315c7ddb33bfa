/** Turns of tenants in a placer's window, on a real PostgreSQL. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createJobStore } from '../../src/db/jobs.ts';
import { createLeaseStore, type LeaseStore } from '../../src/db/leases.ts';
import type { Lease } from '../../src/domain/job.ts';
import type { Placer, PlacerDeps } from '../../src/workers/placer.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newJobRow, SD1 } from '../support/jobs.ts';
import { claimOf, createTestPlacer } from '../support/placer.ts';
import { until } from '../support/until.ts';

const OTHER = 'urn:air:sd1:checkpoint:civitai:1@2';

let database: TestDatabase;
let leases: LeaseStore;
let placer: Placer;
beforeAll(async () => {
  database = await createTestDatabase();
  leases = createLeaseStore(database.sql);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.sql`truncate jobs, servers, leases, job_runs cascade`;
  await database.sql`
    insert into servers (id, pool, room, reachable, boot_id) values ('a', 'default', 1, true, 'boot-1')`;
});
afterEach(() => placer.close());

const start = (change: Partial<PlacerDeps> = {}): void => {
  placer = createTestPlacer(database.sql, change);
};

/** Leases in the order in which they were granted, and claims that failed. */
function watch() {
  const granted: { readonly tenant: string; readonly lease: Lease }[] = [];
  const failed: { readonly tenant: string; readonly error: unknown }[] = [];
  const enter = async (tenant: string, model = SD1, priority = 3): Promise<void> => {
    const { generation } = newJobRow();
    const job = newJobRow({ tenant, priority, generation: { ...generation, model } });
    await createJobStore(database.sql).insertJobs([job]);
    let isIn = false;
    placer
      .claim(claimOf(job.id, { tenant, priority }), new AbortController().signal, () => {
        isIn = true;
      })
      .then(
        (lease) => granted.push({ tenant, lease }),
        (error: unknown) => failed.push({ tenant, error }),
      );
    await until('the claim is in the window', () => isIn);
  };
  /** Gives the room back, one job after the other, and tells who was next each time. */
  const next = async (count: number): Promise<string> => {
    const from = granted.length;
    for (let turn = 0; turn < count; turn += 1) {
      const last = granted.at(-1);
      if (last) await leases.release(last.lease);
      await until('the next is granted', () => granted.length > from + turn);
    }
    return granted
      .slice(from)
      .map(({ tenant }) => tenant)
      .join('');
  };
  return { enter, next, granted, failed };
}

describe('tenants in the window of a placer', () => {
  it('take turns: one that comes when it is full of another’s claims is next', async () => {
    start();
    const { enter, next } = watch();
    for (let index = 0; index < 12; index += 1) await enter('a');
    expect(await next(4)).toBe('aaaa');
    await enter('b');
    await enter('b');
    expect(await next(4)).toBe('baba');
  });

  it('take turns by weight, from the moment that it is changed', async () => {
    let weight = 1;
    start({
      policies: () =>
        Promise.resolve((tenant) => ({
          weight: tenant === 'b' ? weight : 1,
          maxRunning: undefined,
        })),
    });
    const { enter, next } = watch();
    for (let index = 0; index < 12; index += 1) await enter('a');
    for (let index = 0; index < 12; index += 1) await enter('b');
    const before = await next(6);
    expect(before.replaceAll('a', '')).toHaveLength(3);
    weight = 3;
    const after = await next(8);
    expect(after.replaceAll('a', '').length).toBeGreaterThanOrEqual(5);
  });

  it('wait for no more than one job of others on each server when those have a warmer model', async () => {
    start();
    const { enter, next } = watch();
    for (let index = 0; index < 8; index += 1) await enter('a');
    expect(await next(2)).toBe('aa');
    await enter('b', OTHER);
    expect(await next(2)).toBe('ab');
  });

  it('come after claims of a better level', async () => {
    start();
    const { enter, next } = watch();
    await enter('a');
    await until('the first is granted', async () => (await leases.countRunning()).get('a') === 1);
    for (let index = 0; index < 3; index += 1) await enter('a', SD1, 2);
    await enter('b');
    expect(await next(4)).toBe('aaab');
  });
});

describe('a window full of claims of a tenant at its limit', () => {
  it('lets in others while a server has room', async () => {
    await database.sql`update servers set room = 2`;
    start({
      placementWindow: 4,
      policies: () => Promise.resolve(() => ({ weight: 1, maxRunning: 1 })),
    });
    const { enter, failed, granted } = watch();
    for (let index = 0; index < 4; index += 1) await enter('a');
    expect(failed).toEqual([]);
    await enter('a');
    await until('two stepped aside', () => failed.length === 2);
    expect(failed[0]?.error).toMatchObject({ type: 'steps_aside' });
    await enter('b');
    await until('the other tenant has a server', () =>
      granted.some(({ tenant }) => tenant === 'b'),
    );
    for (let index = 0; index < 2; index += 1) await enter('a');
    await leases.release(granted[0]?.lease ?? { jobId: '', runIndex: 0, attempt: 0 });
    await until('the limit allows the next', () => granted.length === 3);
  });
});
