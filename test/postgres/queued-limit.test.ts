/** Limits of queued jobs, on a real API and PostgreSQL; without workers, so that what is accepted stays queued. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runTenantsList, runTenantsSet } from '../../src/commands/tenants.ts';
import { loadConfig } from '../../src/config.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import type { Problem } from '../../src/contract/problem.ts';
import { newJobRow, pictureRequest, postJobs, type Posted } from '../support/jobs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const LIMIT = 20;
let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ role: 'api', env: { TENANT_MAX_QUEUED: String(LIMIT) } });
});
afterAll(() => stack.stop());
beforeEach(async () => {
  await stack.sql`delete from jobs`;
  await stack.sql`update tenants set max_queued = null, queued = 0, counted_at = default, day = default`;
});

const post = (quantity: number, headers: Record<string, string> = {}): Promise<Posted> =>
  postJobs(stack.url, pictureRequest(2, { quantity }), headers);
const problemOf = ({ text }: Posted): Problem => JSON.parse(text) as Problem;
const countQueued = async (): Promise<number> => {
  const [row] = await stack.sql<{ n: number }[]>`
    select count(*) as n from jobs where state = 'queued'`;
  return row?.n ?? 0;
};
const operate = async (tenant: string, options: object): Promise<void> =>
  runTenantsSet(loadConfig(stack.env), () => undefined, tenant, options);

describe('the limit of queued jobs', () => {
  it('is reached and not passed by 100 requests at once', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => post(1)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 202)).toHaveLength(LIMIT);
    expect(statuses.filter((status) => status === 429)).toHaveLength(100 - LIMIT);
    expect(await countQueued()).toBe(LIMIT);
  });

  it('refuses with what is queued, the limit and when to come again', async () => {
    expect((await post(LIMIT - 2)).status).toBe(202);
    const refused = await post(3);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(problemOf(refused)).toMatchObject({
      code: 'too_many_requests',
      status: 429,
      queued: LIMIT - 2,
      limit: LIMIT,
      requested: 3,
    });
  });

  it('takes a batch as a whole or not at all, whether it would ever fit or not', async () => {
    expect((await post(LIMIT - 2)).status).toBe(202);
    expect((await post(3)).status).toBe(429);
    const never = await post(LIMIT + 1);
    expect(never.status).toBe(429);
    expect(problemOf(never).detail).toContain(`Send at most ${LIMIT} jobs at a time`);
    expect(await countQueued()).toBe(LIMIT - 2);
    expect((await post(2)).status).toBe(202);
  });

  it('counts again once jobs have left the queue, though their leaving writes no count', async () => {
    expect((await post(LIMIT)).status).toBe(202);
    expect((await post(1)).status).toBe(429);
    await stack.sql`update jobs set state = 'running' where position < 5`;
    await until('five fit again', async () => (await post(5)).status === 202);
    expect((await post(1)).status).toBe(429);
    expect(await countQueued()).toBe(LIMIT);
  });

  it('answers a repeated Idempotency-Key with the first answer, and keeps no key of a refused request', async () => {
    const first = await post(LIMIT, { 'idempotency-key': 'a' });
    const again = await post(LIMIT, { 'idempotency-key': 'a' });
    expect(again).toMatchObject({ status: 202, jobIds: first.jobIds });
    expect((await post(1, { 'idempotency-key': 'b' })).status).toBe(429);
    await stack.sql`update jobs set state = 'running' where position = 0`;
    await until(
      'the refused request fits',
      async () => (await post(1, { 'idempotency-key': 'b' })).status === 202,
    );
  });

  it('tells a time that follows the pace at which jobs of the tenant ended', async () => {
    const minute = 60_000;
    const now = Date.now();
    const rows = Array.from({ length: 10 }, () => newJobRow());
    await createJobStore(stack.sql).insertJobs(rows);
    // Ten jobs, one after the other, a minute each.
    for (const [index, { id }] of rows.entries())
      await stack.sql`
        update jobs set state = 'succeeded', claimed_at = ${new Date(now - (index + 1) * minute)},
          finished_at = ${new Date(now - index * minute)} where id = ${id}`;
    expect((await post(LIMIT)).status).toBe(202);
    await until('the pace is known', async () => {
      const wait = Number((await post(3)).headers.get('retry-after'));
      return wait >= 150 && wait <= 180;
    });
  });

  it('of a tenant is what an operator sets, for requests from then on, without a restart', async () => {
    await operate('local', { maxQueued: '1' });
    expect((await post(1)).status).toBe(202);
    expect((await post(1)).status).toBe(429);
    await operate('local', { maxQueued: '3', weight: '2.5', maxRunning: '4' });
    expect((await post(2)).status).toBe(202);
    const lines: string[] = [];
    await runTenantsList(loadConfig(stack.env), (line) => lines.push(line));
    expect(lines).toEqual([
      'local  weight 2.5  queued 3 of 3  running 0 of 4  jobs today 3 of no limit (default)  stored bytes 0 of no limit (default)  requests/min no limit (default)',
    ]);
    await operate('local', { maxQueued: 'default', weight: 'default', maxRunning: 'default' });
    expect((await post(LIMIT - 3)).status).toBe(202);
    expect((await post(1)).status).toBe(429);
  });

  it.each([
    [{}, 'Nothing to set'],
    [{ weight: '0' }, '0.001 to 1000'],
    [{ weight: 'heavy' }, "seen 'heavy'"],
    [{ maxQueued: '-1' }, "seen '-1'"],
    [{ maxRunning: '1.5' }, 'whole number'],
  ])('refuses settings %j', async (options, words) => {
    await expect(operate('local', options)).rejects.toThrow(words);
  });
});
