/** Deliveries of a tenant by their state, on a real PostgreSQL with 40,000 of them. */
import type { PendingQuery } from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createCallbackLog,
  deadStreams,
  deliveriesIn,
  type DeliveryPlace,
} from '../../src/db/callback-log.ts';
import { createCallbackOutbox } from '../../src/db/callback-outbox.ts';
import { createCallbackStore } from '../../src/db/callbacks.ts';
import type { DeliveryState } from '../../src/domain/callback.ts';
import { newToldJob } from '../support/callback-sender.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const URL = 'https://example.org/hook';
const CROWD = 10_000;
const FIRST = '00000000-0000-0000-0000-000000000000';

let database: TestDatabase;
let log: ReturnType<typeof createCallbackLog>;
beforeAll(async () => {
  database = await createTestDatabase();
  const { sql } = database;
  log = createCallbackLog(sql);
  const template = await newToldJob(sql, URL);
  // Jobs of two tenants with two deliveries each, five of the same moment; of the crowd one in eight is dead.
  await sql`
    insert into jobs (id, tenant, batch_id, position, type, class, ecosystem, pool, priority, cost, request, generation,
      trace_id, max_attempts, expire_at, state)
    select gen_random_uuid(), case when n <= ${CROWD} then 'crowd' else 'other' end, batch_id, n, type, class, ecosystem, pool,
      priority, cost, request, generation, trace_id, max_attempts, expire_at, 'failed'
    from jobs, generate_series(1, ${2 * CROWD}) as n where id = ${template}`;
  await sql`
    insert into callback_streams (id, job_id, tenant, url, last_number)
    select id, id, tenant, ${URL}, 2 from jobs where tenant in ('crowd', 'other')`;
  await sql`
    insert into callback_deliveries (stream_id, number, event, facts, tenant, state, created_at, ended_at)
    select j.id, number, 'Claimed', '{}', j.tenant,
      case when number = 2 then 'delivered' when j.position % 4 = 0 then 'dead' else 'pending' end,
      timestamptz '2026-01-01' + (j.position / 5) * interval '0.000002 s', now()
    from jobs j, generate_series(1, 2) as number where j.tenant in ('crowd', 'other')`;
  await sql`vacuum analyze callback_deliveries, callback_streams`;
});
afterAll(() => database.drop());

const planOf = async (statement: PendingQuery<never[]>): Promise<string> =>
  JSON.stringify(await database.sql`explain (format json) ${statement}`);

const countIn = async (tenant: string, state: DeliveryState): Promise<number> => {
  const [row] = await database.sql<{ count: number }[]>`
    select count(*)::int as count from callback_deliveries where tenant = ${tenant} and state = ${state}`;
  return row?.count ?? 0;
};

describe('deliveries of a tenant', () => {
  it.each(['dead', 'pending', 'delivered'] as const)(
    'that are %s come over an index, without sorting, however far down the list',
    async (state) => {
      const [, place] = await log.listByState('crowd', state, undefined, 2);
      for (const after of [undefined, place]) {
        const plan = await planOf(deliveriesIn(database.sql, 'crowd', state, after, 50) as never);
        expect(plan).toContain('callback_deliveries_by_state');
        expect(plan).not.toContain('"Sort"');
        expect(plan).not.toContain('Seq Scan');
      }
    },
  );

  it('come each once and in order, also those of one moment', async () => {
    const seen: string[] = [];
    for (let after: DeliveryPlace | undefined; ;) {
      const page = await log.listByState('crowd', 'dead', after, 700);
      seen.push(...page.map(({ writtenAt, jobId, number }) => `${writtenAt} ${jobId} ${number}`));
      after = page.at(-1);
      if (!after) break;
    }
    const all = await database.sql<{ id: string }[]>`
      select created_at::text || ' ' || stream_id || ' ' || number as id from callback_deliveries
      where tenant = 'crowd' and state = 'dead' order by created_at desc, stream_id desc, number desc`;
    expect(seen).toHaveLength(CROWD / 4);
    expect(seen).toEqual(all.map(({ id }) => id));
    expect(await log.listByState('nobody', 'dead', undefined, 10)).toEqual([]);
  });

  it('have the time of the next try where they are the first of their job', async () => {
    const jobId = await newToldJob(database.sql, URL, ['Initialized', 'Deleted']);
    await database.sql`update jobs set state = 'canceled', finished_at = now() where id = ${jobId}`;
    const pending = await log.listByState('local', 'pending', undefined, 10);
    const ours = pending.filter((one) => one.jobId === jobId);
    expect(ours.map(({ number, nextTryAt }) => [number, nextTryAt !== null])).toEqual([
      [2, false],
      [1, true],
    ]);
  });

  it('that are dead are all sent once more, in portions over an index, and those of others are not', async () => {
    const plan = await planOf(deadStreams(database.sql, 'crowd', '2030-01-01') as never);
    expect(plan).toContain('callback_deliveries_by_state');
    expect(plan).not.toContain('Seq Scan');
    const others = await countIn('other', 'dead');
    expect(await log.redeliverDead('crowd')).toBe(CROWD / 4);
    expect(await log.redeliverDead('crowd')).toBe(0);
    expect(await countIn('crowd', 'dead')).toBe(0);
    expect(await countIn('other', 'dead')).toBe(others);
    const [first] = await createCallbackOutbox(database.sql).listUntold(FIRST, 1);
    expect(first).toMatchObject({ isUrgent: true });
  });

  it('can be sent once more while tries of them are noted', async () => {
    const store = createCallbackStore(database.sql);
    const jobs = await Promise.all(Array.from({ length: 8 }, () => newToldJob(database.sql, URL)));
    const dead = { state: 'dead', error: 'gone' } as const;
    const noted = async (streamId: string): Promise<void> => {
      for (let n = 0; n < 20; n += 1) {
        await store.noteTry({ streamId, number: 1, urgent: 0 }, dead);
        await log.redeliver('local', streamId, 1);
      }
    };
    const swept = async (): Promise<void> => {
      for (let n = 0; n < 20; n += 1) await log.redeliverDead('local');
    };
    // A deadlock would fail one of them.
    await Promise.all([...jobs.map(noted), ...jobs.map(noted), swept(), swept()]);
    for (const jobId of jobs)
      expect((await log.listDeliveries('local', jobId))[0]?.tries).toBeGreaterThanOrEqual(20);
  });
});
