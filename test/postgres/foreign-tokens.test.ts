/** What Bob gets for tokens, ids and cursors of Alice's jobs, on a real API and PostgreSQL: nothing, and nothing happens. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobStatusCollection } from '../../src/contract/v1/job-status.ts';
import { encodeToken } from '../../src/contract/v1/token.ts';
import { createKeyStore } from '../../src/db/keys.ts';
import { createResourceStore } from '../../src/db/resources.ts';
import { seedCatalogue } from '../../src/db/seed-catalogue.ts';
import { pictureRequest } from '../support/jobs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

const JOBS = '/v1/consumer/jobs';
let stack: TestStack;
const keys = { alice: '', bob: '' };
type Who = keyof typeof keys;
/** A job of Alice alone, and a batch that its token names as such. */
let single: JobStatusCollection;
let batch: JobStatusCollection;
let own: JobStatusCollection;

const call = (who: Who, method: string, path: string, body?: object): Promise<Response> =>
  fetch(`${stack.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${keys[who]}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
const post = async (who: Who, quantity: number): Promise<JobStatusCollection> => {
  const jobs = Array.from({ length: quantity }, () =>
    pictureRequest(2, { properties: { album: 'holidays' } }),
  );
  const answer = await call(who, 'POST', JOBS, { jobs });
  expect(answer.status, await answer.clone().text()).toBe(202);
  return (await answer.json()) as JobStatusCollection;
};
const idsOf = ({ jobs }: JobStatusCollection) => jobs.map(({ jobId }) => jobId);
const asQuery = (token: string) => `token=${encodeURIComponent(token)}`;

beforeAll(async () => {
  stack = await startTestStack({ role: 'api', env: { AUTH: 'keys', WAIT_LIMIT_MS: '100' } });
  for (const who of ['alice', 'bob'] as const) {
    keys[who] = (await createKeyStore(stack.sql).createKey(who, 'test')).key;
    await seedCatalogue(createResourceStore(stack.sql), who);
  }
  single = await post('alice', 1);
  batch = await post('alice', 101);
  own = await post('bob', 1);
});
afterAll(() => stack.stop());

/** Everything of Alice that a foreign call could change. */
const untouched = async (): Promise<void> => {
  const rows = await stack.sql<{ n: number }[]>`
    select count(*)::int as n from jobs where tenant = 'alice' and taint is null
      and cancel_requested_at is null and state = 'queued'`;
  expect(rows[0]?.n).toBe(102);
};

describe('a token of a foreign collection', () => {
  it.each([
    ['of listed ids', () => single.token],
    ['of a batch', () => batch.token],
    [
      'of a batch, made from a job id',
      () => encodeToken(idsOf(single)[0] ?? '', Array<string>(101).fill('')),
    ],
  ])('%s is 404 in every call, like one that never was', async (_name, tokenOf) => {
    const token = asQuery(tokenOf());
    const never = asQuery(encodeToken('', ['37d9d863-7928-41c1-bc83-626c00995137']));
    for (const [method, query, body] of [
      ['GET', ''],
      ['GET', '&detailed=true'],
      ['GET', '&wait=true'],
      ['DELETE', ''],
      ['DELETE', '&force=false'],
      ['PUT', '', { reason: 'mine now' }],
    ] as const) {
      const answer = await call('bob', method, `${JOBS}?${token}${query}`, body);
      const unknown = await call('bob', method, `${JOBS}?${never}${query}`, body);
      expect(answer.status, `${method} ${query}`).toBe(404);
      const [seen, expected] = [await answer.text(), await unknown.text()].map((text) =>
        text.replace(/"traceId":"[^"]*"/, ''),
      );
      expect(seen).toBe(expected);
    }
    await untouched();
  });

  it('mixed with own jobs gives the own ones alone, and cancels those alone', async () => {
    const mixed = asQuery(encodeToken('', [...idsOf(single), ...idsOf(own)]));
    const read = (await (
      await call('bob', 'GET', `${JOBS}?${mixed}`)
    ).json()) as JobStatusCollection;
    expect(idsOf(read)).toEqual(idsOf(own));
    const tainted = await call('bob', 'PUT', `${JOBS}?${mixed}`, { reason: 'x' });
    expect(await tainted.json()).toMatchObject({ jobs: 1 });
    const canceled = await call('bob', 'DELETE', `${JOBS}?${mixed}`);
    expect(idsOf((await canceled.json()) as JobStatusCollection)).toEqual(idsOf(own));
    await untouched();
  });
});

describe("another tenant's job", () => {
  it.each([
    ['GET', ''],
    ['GET', '?detailed=true'],
    ['DELETE', ''],
    ['PUT', '', { reason: 'x' }],
    ['GET', '/events'],
    ['GET', '/preview'],
    ['GET', '/callbacks'],
    ['POST', '/callbacks/redeliver'],
    ['POST', '/callbacks/1/redeliver'],
  ] as const)('is 404 at %s …%s', async (method, rest, body?: object) => {
    const path = `${JOBS}/${idsOf(single)[0]}${rest}`;
    expect((await call('bob', method, path, body)).status).toBe(404);
    await untouched();
  });

  it('is in no list of his: query, requests, consumption, coverage, quota', async () => {
    const find = (who: Who) =>
      call(who, 'POST', `${JOBS}/query`, { properties: { album: 'holidays' } });
    const found = async (who: Who) =>
      (await (await find(who)).json()) as { jobs: { jobId: string }[]; cursor: string | null };
    const [ofAlice, ofBob] = [await found('alice'), await found('bob')];
    expect(ofAlice.jobs).toHaveLength(100);
    expect(ofBob.jobs.map(({ jobId }) => jobId)).toEqual(idsOf(own));
    // Her place in her list is none in his.
    const turned = await call('bob', 'POST', `${JOBS}/query`, {
      properties: { album: 'holidays' },
      cursor: ofAlice.cursor,
    });
    expect(turned.status).toBe(400);
    const shown = await Promise.all(
      ['/v1/consumer/requests', '/v1/consumer/consumption', '/v1/quota'].map(async (path) =>
        (await call('bob', 'GET', path)).text(),
      ),
    );
    for (const id of [...idsOf(single), ...idsOf(batch)]) expect(shown.join()).not.toContain(id);
    expect(JSON.parse(shown[2] ?? '')).toMatchObject({ tenant: 'bob', jobsPerDay: { used: 1 } });
  });
});
