/** Rate limits over several API processes at one database: their limiters, and then two whole APIs. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createRateLimiter, type RateLimiter } from '../../src/api/rate-limiter.ts';
import { runTenantsSet } from '../../src/commands/tenants.ts';
import { loadConfig } from '../../src/config.ts';
import type { Problem } from '../../src/contract/problem.ts';
import { connectDatabase, type Sql } from '../../src/db/connect.ts';
import { createKeyStore } from '../../src/db/keys.ts';
import { createRequestWindows, type RequestWindows } from '../../src/db/request-windows.ts';
import { silentLogger } from '../../src/telemetry.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

describe('the limiters of several processes', () => {
  let database: TestDatabase;
  let other: Sql;
  beforeAll(async () => {
    database = await createTestDatabase();
    other = connectDatabase({ url: database.url, maxConnections: 5, applicationName: 'other' });
  });
  afterAll(async () => {
    await other.end();
    await database.drop();
  });
  const open: RateLimiter[] = [];
  afterEach(() => Promise.all(open.splice(0).map((limiter) => limiter.close())));

  /** A limiter of a process, with how often it asked the database. */
  const process = (sql: Sql, clock = () => performance.now()) => {
    const asked = { times: 0 };
    const all = createRequestWindows(sql);
    const windows: RequestWindows = {
      ...all,
      take: (...of) => {
        asked.times += 1;
        return all.take(...of);
      },
    };
    const limiter = createRateLimiter({ windows, logger: silentLogger, now: clock });
    open.push(limiter);
    return { limiter, asked };
  };
  const allowed = async (limiters: readonly RateLimiter[], subject: string, limit: number) => {
    const verdicts = await Promise.all(
      Array.from({ length: limit * 3 }, async (_, at) =>
        limiters[at % limiters.length]?.count(subject, limit),
      ),
    );
    return verdicts.filter((verdict) => verdict?.isAllowed).length;
  };

  it('allow exactly the limit together, however many requests come at once', async () => {
    const two = [process(database.sql).limiter, process(other).limiter];
    expect(await allowed(two, 'a', 200)).toBe(200);
    expect(await allowed(two, 'b', 1)).toBe(1);
    expect(await allowed(two, 'a', 200)).toBe(0);
  });

  it('ask the database for a twentieth of the limit at a time, and do not ask again and again once it is used up', async () => {
    const { limiter, asked } = process(database.sql);
    for (let n = 0; n < 600; n += 1) expect((await limiter.count('c', 600)).isAllowed).toBe(true);
    expect(asked.times).toBe(20);
    const refused = await limiter.count('c', 600);
    expect(refused).toMatchObject({ isAllowed: false, limit: 600, remaining: 0 });
    expect(refused.resetSeconds).toBeGreaterThan(0);
    expect(refused.resetSeconds).toBeLessThanOrEqual(60);
    expect(asked.times).toBe(21);
    for (let n = 0; n < 50; n += 1) await limiter.count('c', 600);
    expect(asked.times).toBeLessThan(30);
  });

  it('count down what remains, as far as a process knows', async () => {
    const { limiter } = process(database.sql);
    expect((await limiter.count('d', 40)).remaining).toBe(39);
    expect((await limiter.count('d', 40)).remaining).toBe(38);
    expect((await process(other).limiter.count('d', 40)).remaining).toBeLessThan(38);
  });

  it('give back what they took and did not need, when they stop and when they idle', async () => {
    let now = 0;
    const idle = process(database.sql, () => now);
    const stopping = process(database.sql);
    const busy = process(other).limiter;
    await idle.limiter.count('e', 40);
    await stopping.limiter.count('e', 40);
    await stopping.limiter.close();
    expect(await allowed([busy], 'e', 40)).toBe(37);
    now = 4_000;
    await until('the idle one gave its part back', async () => {
      const { isAllowed } = await busy.count('e', 40);
      return isAllowed;
    });
    expect(await allowed([busy], 'e', 40)).toBe(0);
  });

  it('lose what a dead process had taken, and allow no more than the limit', async () => {
    const dead = process(database.sql);
    expect((await dead.limiter.count('h', 40)).isAllowed).toBe(true);
    // It holds one more, and says nothing from now on.
    expect(await allowed([process(other).limiter], 'h', 40)).toBe(38);
  });

  it('begin a new window after the old one, in which nothing of the old one is used', async () => {
    let now = 0;
    const { limiter, asked } = process(database.sql, () => now);
    for (let n = 0; n < 3; n += 1) await limiter.count('f', 100);
    expect(asked.times).toBe(1);
    await database.sql`update request_windows set ends_at = now() where subject = 'f'`;
    now = 60_001;
    expect((await limiter.count('f', 100)).remaining).toBe(99);
    expect(asked.times).toBe(2);
    const windows = createRequestWindows(database.sql);
    const before = await windows.take('f', 100, 0, 60);
    await windows.giveBack('f', '2020-01-01 00:00:00+00', 5);
    expect((await windows.take('f', 100, 0, 60)).left).toBe(before.left);
  });

  it('follow a limit that changes within the window', async () => {
    const { limiter } = process(database.sql);
    expect(await allowed([limiter], 'g', 10)).toBe(10);
    await until('the raised limit counts', async () => (await limiter.count('g', 20)).isAllowed);
    expect(await allowed([limiter], 'g', 20)).toBe(9);
  });
});

describe('two APIs', () => {
  let stack: TestStack;
  let urls: readonly string[];
  beforeAll(async () => {
    stack = await startTestStack({
      role: 'api',
      oneProcess: true,
      env: { AUTH: 'keys', RATE_LIMIT_PER_MINUTE: '40' },
    });
    urls = [stack.url, (await stack.serve('api')).url ?? ''];
  });
  afterAll(() => stack.stop());

  const makeKey = async (tenant: string, requestsPerMinute?: number): Promise<string> =>
    (
      await createKeyStore(stack.sql).createKey(
        tenant,
        'test',
        requestsPerMinute === undefined ? {} : { requestsPerMinute },
      )
    ).key;
  const get = (key: string, at = 0, path = '/v2/resources'): Promise<Response> =>
    fetch(`${urls[at % urls.length]}${path}`, { headers: { authorization: `Bearer ${key}` } });
  const statuses = async (key: string, count: number): Promise<Record<number, number>> => {
    const answers = await Promise.all(Array.from({ length: count }, (_, at) => get(key, at)));
    const counted: Record<number, number> = {};
    for (const { status } of answers) counted[status] = (counted[status] ?? 0) + 1;
    return counted;
  };

  it('refuse what is over the limit of a key together, and other keys of its tenant go on', async () => {
    const key = await makeKey('alice');
    expect(await statuses(key, 100)).toEqual({ 200: 40, 429: 60 });
    expect((await get(await makeKey('alice'))).status).toBe(200);
  });

  it('say in every answer what is left, and in a refusal when to come again', async () => {
    const key = await makeKey('alice', 2);
    const headersOf = ({ headers }: Response) =>
      ['ratelimit-policy', 'ratelimit', 'ratelimit-limit', 'ratelimit-remaining'].map((name) =>
        (headers.get(name) ?? '').replace(/;t=\d+/, ';t=…'),
      );
    const first = await get(key);
    expect(headersOf(first)).toEqual(['"requests";q=2;w=60', '"requests";r=1;t=…', '2', '1']);
    // An error counts, and says it too.
    const missing = await get(key, 0, '/v1/consumer/jobs/37d9d863-7928-41c1-bc83-626c00995137');
    expect(missing.status).toBe(404);
    expect(headersOf(missing)).toEqual(['"requests";q=2;w=60', '"requests";r=0;t=…', '2', '0']);
    const refused = await get(key, 1);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
    expect(headersOf(refused)).toEqual(headersOf(missing));
    const reset = refused.headers.get('ratelimit-reset') ?? '';
    expect(refused.headers.get('retry-after')).toBe(reset);
    expect(refused.headers.get('ratelimit')).toBe(`"requests";r=0;t=${reset}`);
    expect(Number(reset)).toBeGreaterThan(0);
    expect(Number(reset)).toBeLessThanOrEqual(60);
    expect((await refused.json()) as Problem).toMatchObject({ code: 'rate_limited', status: 429 });
  });

  it('take the number of the key, else that of its tenant, else that of the environment; 0 is none', async () => {
    const limitOf = async (key: string) => (await get(key)).headers.get('ratelimit-limit');
    await runTenantsSet(loadConfig(stack.env), () => undefined, 'dora', { requestsPerMinute: '7' });
    const ofTenant = await makeKey('dora');
    await until('the number of the tenant counts', async () => (await limitOf(ofTenant)) === '7');
    expect(await limitOf(await makeKey('dora', 9))).toBe('9');
    expect(await limitOf(await makeKey('dora', 0))).toBeNull();
    expect(await limitOf(await makeKey('erin'))).toBe('40');
  });

  it('do not count what needs no key', async () => {
    for (const path of ['/health', '/openapi.json']) {
      const answer = await fetch(`${stack.url}${path}`);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('ratelimit')).toBeNull();
    }
  });
});
