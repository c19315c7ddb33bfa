/** Reads over many jobs on a real PostgreSQL with 40,000 of them: results, pages and the indexes behind them. */
import { randomUUID } from 'node:crypto';
import type { PendingQuery } from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBlobRecords } from '../../src/db/blobs.ts';
import type { NewJobRow } from '../../src/db/job-row.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import {
  consumedIn,
  createJobListings,
  matchingJobs,
  type JobListings,
} from '../../src/db/job-listings.ts';
import { createTaints } from '../../src/db/taints.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newJobRow, type PictureRow } from '../support/jobs.ts';

const DAY = 86_400_000;
const START = Date.parse('2026-01-01T00:00:00Z');

let database: TestDatabase;
let listings: JobListings;
beforeAll(async () => {
  database = await createTestDatabase();
  listings = createJobListings(database.sql);
  await insert([newJobRow({ tenant: 'crowd' })]);
  // Every job of the crowd is a request of its own, has a user and ended; one in four succeeded with two pictures.
  await database.sql`
    insert into jobs (id, tenant, batch_id, position, type, class, ecosystem, pool, priority, cost, request, generation,
      trace_id, max_attempts, expire_at, started_at, created_at, finished_at, state, properties, outputs)
    select gen_random_uuid(), 'crowd', gen_random_uuid(), 0, type, class, ecosystem, pool, priority, 0.1, request,
      generation, trace_id, max_attempts, expire_at, now(),
      ${new Date(START)}::timestamptz + n * interval '1 minute', ${new Date(START)}::timestamptz + n * interval '1 minute',
      case when n % 4 = 0 then 'succeeded' else 'failed' end,
      case when n % 2 = 0 then jsonb_build_object('userId', 'u-' || n % 2000, 'n', n) else '{}' end,
      case when n % 4 = 0 then '[{"contentType": "image/png"}, {"contentType": "image/webp"}, {"contentType": "video/mp4"}]'::jsonb end
    from jobs, generate_series(1, 40000) as n`;
  await database.sql`vacuum analyze jobs`;
});
afterAll(() => database.drop());

const insert = async (rows: readonly NewJobRow[]): Promise<void> => {
  await createJobStore(database.sql).insertJobs(rows);
};

/** Rows of one request. */
const request = (count: number, change: Partial<PictureRow>): NewJobRow[] => {
  const batchId = randomUUID();
  return Array.from({ length: count }, (_, position) =>
    newJobRow({ ...change, batchId, position }),
  );
};

const planOf = async (statement: PendingQuery<never[]>): Promise<string> =>
  JSON.stringify(await database.sql`explain (format json) ${statement}`);

describe('jobs by their properties', () => {
  it('are found over the index of properties', async () => {
    const filter = { properties: { userId: 'u-42' } };
    const plan = await planOf(matchingJobs(database.sql, 'crowd', filter, undefined, 100) as never);
    expect(plan).toContain('jobs_properties');
    expect(plan).not.toContain('Seq Scan');
    const found = await listings.queryJobs('crowd', filter, undefined, 100);
    expect(found).toHaveLength(20);
    expect(await listings.queryJobs('other', filter, undefined, 100)).toEqual([]);
  });

  it('are read page by page over the order of submission when nothing is asked of them', async () => {
    const [place] = await listings.queryJobs('crowd', { properties: {} }, undefined, 1);
    const plan = await planOf(
      matchingJobs(database.sql, 'crowd', { properties: {} }, place, 100) as never,
    );
    expect(plan).toContain('jobs_submitted');
    expect(plan).not.toContain('Sort');
  });

  it('come each once and in order, also those of one moment, while others are submitted', async () => {
    const createdAt = new Date(START);
    const properties = { page: true };
    const tenant = randomUUID();
    const all = Array.from({ length: 5 }, () => request(7, { tenant, createdAt, properties }));
    for (const rows of all) await insert(rows);
    const seen: string[] = [];
    for (let after; ;) {
      const page = await listings.queryJobs(tenant, { properties }, after, 4);
      seen.push(...page.map(({ id }) => id));
      after = page.at(-1);
      if (!after) break;
      await insert(request(2, { tenant, properties, createdAt: new Date(START + DAY) }));
    }
    const batches = all.sort(([a], [b]) => ((a?.batchId ?? '') < (b?.batchId ?? '') ? 1 : -1));
    expect(seen).toEqual(batches.flatMap((rows) => rows.map(({ id }) => id).reverse()));
  });

  it.each([
    [{ deep: { a: 1 } }, 1],
    [{ list: ['b'] }, 1],
    [{ "it's": '"; drop table jobs; --' }, 1],
    [{ deep: { a: '1' } }, 0],
    [{ a: 1 }, 0],
    [{ größe: '🦊' }, 1],
    [{ nothing: null }, 1],
  ])('match by containment: %j', async (properties, count) => {
    const tenant = randomUUID();
    await insert([
      newJobRow({
        tenant,
        properties: {
          ...{ deep: { a: 1, b: 2 }, list: ['a', 'b'], größe: '🦊', nothing: null },
          "it's": '"; drop table jobs; --',
        },
      }),
    ]);
    expect(await listings.queryJobs(tenant, { properties }, undefined, 9)).toHaveLength(count);
  });
});

describe('requests', () => {
  it('are read from one to the next over the index, with all of their jobs', async () => {
    const tenant = randomUUID();
    const made = [1, 2, 3].map((days) =>
      request(days, { tenant, createdAt: new Date(START + days * DAY) }),
    );
    for (const rows of made) await insert(rows);
    const newest = await listings.listRequests(tenant, undefined, 2, 1_000);
    expect(newest.hasMore).toBe(true);
    expect(newest.requests.map(({ jobs }) => jobs.map(({ id }) => id))).toEqual(
      [made[2], made[1]].map((rows) => rows?.map(({ id }) => id)),
    );
    const rest = await listings.listRequests(tenant, newest.requests.at(-1), 2, 1_000);
    expect(rest).toMatchObject({
      hasMore: false,
      requests: [{ jobs: [{ id: made[0]?.[0]?.id }] }],
    });
  });

  it('end a page early when they have many jobs, but not before the first request', async () => {
    const tenant = randomUUID();
    for (const hours of [1, 2, 3])
      await insert(request(10, { tenant, createdAt: new Date(START + hours) }));
    const sizes = async (mostJobs: number) => {
      const { requests, hasMore } = await listings.listRequests(tenant, undefined, 3, mostJobs);
      return [requests.length, hasMore];
    };
    expect(await sizes(30)).toEqual([3, false]);
    expect(await sizes(25)).toEqual([2, true]);
    expect(await sizes(5)).toEqual([1, true]);
  });
});

describe('consumption', () => {
  it('counts the pictures and the cost of what succeeded in a period, over an index', async () => {
    const from = new Date(START + (30 * DAY) / 24);
    const period = { from, to: new Date(from.getTime() + 40 * 60_000) };
    expect(await listings.sumConsumption('crowd', period)).toEqual({ images: 20, totalCost: 1 });
    // Of a tenant with few jobs: what others had is not read.
    const month = { from: new Date(START), to: new Date(START + 30 * DAY) };
    const plan = await planOf(consumedIn(database.sql, 'few', month) as never);
    expect(plan).toContain('jobs_consumed');
    expect(await listings.sumConsumption('crowd', {})).toEqual({
      images: 20_000,
      totalCost: 1_000,
    });
    expect(await listings.sumConsumption('other', {})).toEqual({ images: 0, totalCost: 0 });
  });
});

describe('a taint', () => {
  it('counts once of many at the same time, in whatever order they name the jobs', async () => {
    const tenant = randomUUID();
    const rows = request(20, { tenant, properties: { own: 1 } });
    await insert(rows);
    const ids = rows.map(({ id }) => id);
    const { taintJobs } = createTaints(database.sql);
    const counts = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        taintJobs(
          tenant,
          n % 2 === 0 ? ids : ids.toReversed(),
          { reason: `r-${n}`, properties: { [`n-${n}`]: n } },
          new Date(START + n),
        ),
      ),
    );
    expect(counts).toEqual(counts.map(() => 20));
    expect(await taintJobs('other', ids, {}, new Date())).toBe(0);
    const found = await createJobStore(database.sql).listJobs(tenant, ids);
    expect(new Set(found.map(({ taint }) => taint?.reason)).size).toBe(1);
    for (const { properties } of found) expect(Object.keys(properties)).toHaveLength(11);
  });

  it('is told with the picture of its job', async () => {
    const row = newJobRow({ tenant: randomUUID() });
    await insert([row]);
    const blobs = createBlobRecords(database.sql);
    const id = `${row.id}.png`;
    await blobs.putBlobs([
      {
        ...{ id, tenant: row.tenant, jobId: row.id, storageKey: id, contentType: 'image/png' },
        ...{ bytes: 1, sha256: 'ab', expiresAt: new Date(Date.now() + DAY) },
      },
    ]);
    expect(await blobs.findBlob(id)).toMatchObject({ isTainted: false });
    await createTaints(database.sql).taintJobs(row.tenant, [row.id], {}, new Date());
    expect(await blobs.findBlob(id)).toMatchObject({ isTainted: true });
  });
});
