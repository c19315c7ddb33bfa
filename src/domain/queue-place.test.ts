import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fairOrder, NO_TURNS } from './fair-order.ts';
import { agedLevel, placeInQueue, type QueueGroup } from './queue-place.ts';

interface Job {
  readonly tenant: string;
  readonly level: number;
  readonly createdAtMs: number;
  readonly position: number;
}

/** As the database counts it, with a mark at every `every`th job. */
function groupsOf(jobs: readonly Job[], every: number): QueueGroup[] {
  const groups = new Map<string, Job[]>();
  for (const job of jobs) {
    const key = `${job.tenant} ${job.level}`;
    groups.set(key, [...(groups.get(key) ?? []), job]);
  }
  return [...groups.values()].map((list) => ({
    pool: 'default',
    tenant: list[0]?.tenant ?? '',
    level: list[0]?.level ?? 0,
    jobs: list.length,
    cost: list.length * 2,
    marks: list
      .map(({ createdAtMs, position }, before) => ({ before, createdAtMs, position }))
      .filter(({ before }) => before < 5 || before % every === 0),
  }));
}
const equal = (): number => 1;
const place = (job: Job, groups: readonly QueueGroup[], weightOf: (tenant: string) => number) =>
  placeInQueue({ ...job, pool: 'default' }, groups, weightOf);
const single = (tenant: string, createdAtMs: number, level = 3): Job => ({
  ...{ tenant, level, createdAtMs, position: 0 },
});
const batch = (tenant: string, createdAtMs: number, count: number): Job[] =>
  Array.from({ length: count }, (_, position) => ({ tenant, level: 3, createdAtMs, position }));

describe('the place in the queue', () => {
  it('agrees with the order in which the placer would take them, up to one turn of every other tenant', () => {
    const tenants = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(tenants, (list) => {
        const jobs = list.map((tenant, createdAtMs) => single(tenant, createdAtMs));
        const groups = groupsOf(jobs, 1);
        const order = fairOrder(
          jobs.map(({ tenant, level, createdAtMs }) => ({
            ...{ key: String(createdAtMs), tenant, priority: level, order: createdAtMs },
          })),
          NO_TURNS,
          equal,
        );
        for (const one of jobs) {
          const before = order.indexOf(String(one.createdAtMs));
          expect(Math.abs(place(one, groups, equal).precedingJobs - before)).toBeLessThanOrEqual(2);
        }
      }),
    );
  });

  it('is exact in a batch, however few of its jobs are marked', () => {
    const jobs = batch('a', 7, 1_000);
    const groups = groupsOf(jobs, 100);
    for (const job of jobs) expect(place(job, groups, equal).precedingOwn).toBe(job.position);
  });

  it('is off by less than the distance of two marks otherwise', () => {
    const jobs = Array.from({ length: 500 }, (_, index) => single('a', index));
    const groups = groupsOf(jobs, 50);
    for (const [index, job] of jobs.entries()) {
      const { precedingOwn } = place(job, groups, equal);
      expect(Math.abs(precedingOwn - index)).toBeLessThan(50);
    }
    expect(place(jobs[3] ?? single('a', 3), groups, equal).precedingOwn).toBe(3);
  });

  it('puts one job of a tenant in front of a thousand of another, and behind better levels', () => {
    const groups = groupsOf([...batch('a', 1, 1_000), single('a', 2, 1), single('b', 3)], 50);
    expect(place(single('b', 3), groups, equal)).toEqual({
      precedingJobs: 1,
      precedingCost: 2,
      precedingOwn: 0,
    });
  });

  it('counts two turns of a tenant of weight 2 for each own', () => {
    const groups = groupsOf([...batch('a', 1, 1_000), ...batch('b', 1, 1_000)], 50);
    const tenth = { ...single('b', 1), position: 10 };
    const weightOf = (tenant: string): number => (tenant === 'a' ? 2 : 1);
    expect(place(tenth, groups, weightOf).precedingJobs).toBe(31);
  });

  it('of a job that came after the count is behind all that were counted', () => {
    const groups = groupsOf(batch('a', 1, 200), 50);
    expect(place(single('a', 9), groups, equal).precedingOwn).toBeGreaterThan(150);
    expect(place(single('a', 9), groups, equal).precedingOwn).toBeLessThanOrEqual(200);
    expect(place(single('c', 9), [], equal).precedingJobs).toBe(0);
  });

  it('has a level that waiting makes better, down to 1', () => {
    expect([0, 299_999, 300_000, 900_000, 1e9].map((ms) => agedLevel(4, ms, 300_000))).toEqual([
      4, 4, 3, 1, 1,
    ]);
  });
});
