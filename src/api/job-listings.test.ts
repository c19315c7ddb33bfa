import { describe, expect, it } from 'vitest';
import type { QueryJobsResult, QueryRequestsResult } from '../contract/v1/job-listings.ts';
import { JOBS, read, submitted } from './job-calls.test-support.ts';
import { createTestApi, KEYS, validJob, type TestApi } from './test-api.test-support.ts';

const QUERY = `${JOBS}/query`;
const REQUESTS = '/v1/consumer/requests';
const CONSUMPTION = '/v1/consumer/consumption';

const query = async (api: TestApi, body: unknown, flags = ''): Promise<QueryJobsResult> =>
  read<QueryJobsResult>(await api.send('POST', QUERY + flags, body));
const idsOf = ({ jobs }: QueryJobsResult): string[] => jobs.map(({ jobId }) => jobId);

/** The problem of a call that must be refused with that status. */
async function problemOf(response: Response, status = 400): Promise<{ detail: string }> {
  const text = await response.text();
  expect(response.status, text).toBe(status);
  return JSON.parse(text) as { detail: string };
}

describe('jobs by their properties', () => {
  it('are those that contain what is asked, nested values too', async () => {
    const { api, collection: one } = await submitted(
      createTestApi(),
      validJob({ properties: { userId: 'u-1', tags: ['a', 'b'], deep: { level: 2, more: true } } }),
    );
    await submitted(api, validJob({ properties: { userId: 'u-2' } }));
    for (const properties of [
      { userId: 'u-1' },
      { tags: ['b'] },
      { deep: { level: 2 } },
      { userId: 'u-1', deep: {} },
    ])
      expect(idsOf(await query(api, { properties }))).toEqual([one.jobId]);
    for (const properties of [{ userId: 'U-1' }, { level: 2 }, { deep: { level: '2' } }])
      expect(idsOf(await query(api, { properties }))).toEqual([]);
  });

  it('are all jobs without properties, as civitai-py sends it with its nulls', async () => {
    const { api, collection } = await submitted();
    const body = { cursor: null, jobType: null, properties: null };
    expect(await query(api, body)).toMatchObject({
      cursor: null,
      jobs: [{ jobId: collection.jobId, scheduled: true }],
    });
    expect(idsOf(await query(api, {}))).toEqual([collection.jobId]);
  });

  it.each(['textToImage', 'TextToImageV2', 'TEXTTOIMAGE', 'textToImageJob'])(
    'are of the asked type %s',
    async (jobType) => {
      const { api, collection } = await submitted();
      expect(idsOf(await query(api, { jobType }))).toEqual([collection.jobId]);
    },
  );

  it('are none of a type that nobody submitted', async () => {
    const { api } = await submitted();
    expect(idsOf(await query(api, { jobType: 'mediaTagging' }))).toEqual([]);
  });

  it('carry the original job when detailed', async () => {
    const { api } = await submitted();
    const { jobs } = await query(api, {}, '?detailed=true');
    expect(jobs[0]?.job).toMatchObject({ Type: 'TextToImageV2', model: '@civitai/128078' });
  });

  it('come page by page, each once, whatever is submitted meanwhile', async () => {
    const { api, collection } = await submitted(
      createTestApi(),
      validJob({ quantity: 100, batchSize: 2, properties: { p: 1 } }),
    );
    const first = await query(api, { properties: { p: 1 } });
    await submitted(api, validJob({ properties: { p: 1 } }));
    const second = await query(api, { properties: { p: 1 }, cursor: first.cursor });
    expect(first.jobs).toHaveLength(100);
    expect(second.cursor).toBeNull();
    const seen = [...idsOf(first), ...idsOf(second)];
    expect(seen.reverse()).toEqual(collection.jobs.map(({ jobId }) => jobId));
  });

  it.each([
    ['a list', []],
    ['a text', '"x"'],
    ['properties as a list', { properties: ['a'] }],
    ['properties as a text', { properties: 'userId' }],
    ['a job type as a number', { jobType: 7 }],
    ['a cursor as an object', { cursor: {} }],
    ['an endless job type', { jobType: 'x'.repeat(101) }],
  ])('are refused with 400 for %s', async (_name, body) => {
    await problemOf(await createTestApi().send('POST', QUERY, body));
  });
});

describe('cursors', () => {
  const pages = async (AUTH: 'open' | 'keys' = 'open') => {
    const api = createTestApi({ AUTH });
    const key = { authorization: `Bearer ${KEYS.alice}` };
    await api.send('POST', JOBS, validJob({ quantity: 100, batchSize: 2 }), key);
    const answer = await api.send('POST', QUERY, {}, key);
    const { cursor } = await read<QueryJobsResult>(answer);
    return { api, cursor: cursor ?? '' };
  };
  const flip = (text: string, at: number): string => {
    const other = text[at] === 'A' ? 'B' : 'A';
    return text.slice(0, at) + other + text.slice(at + 1);
  };

  it('are refused when a single character differs, wherever', async () => {
    const { api, cursor } = await pages();
    expect(cursor.length).toBeGreaterThan(40);
    for (let at = 0; at < cursor.length; at += 1)
      await problemOf(await api.send('POST', QUERY, { cursor: flip(cursor, at) }));
  });

  it.each([
    ...['x', '0', '-1', '../../etc', 'null', "' or 1=1 --", '%00', '{"createdAt":1}'],
    Buffer.from(JSON.stringify([0, '37d9d863-7928-41c1-bc83-626c00995137', 0])).toString('base64'),
    'A'.repeat(5_000),
  ])('that nobody gave out are refused: %s', async (cursor) => {
    const { api } = await pages();
    const { detail } = await problemOf(await api.send('POST', QUERY, { cursor }));
    expect(detail).toContain('cursor: was not given out');
    const path = `${REQUESTS}?${new URLSearchParams({ cursor }).toString()}`;
    await problemOf(await api.send('GET', path));
  });

  it('are refused for other properties, another call, and another tenant', async () => {
    const { api, cursor } = await pages('keys');
    const as = (key: string) => ({ authorization: `Bearer ${key}` });
    await read(await api.send('POST', QUERY, { cursor }, as(KEYS.alice)));
    await problemOf(
      await api.send('POST', QUERY, { cursor, properties: { a: 1 } }, as(KEYS.alice)),
    );
    await problemOf(
      await api.send('GET', `${REQUESTS}?cursor=${cursor}`, undefined, as(KEYS.alice)),
    );
    await problemOf(await api.send('POST', QUERY, { cursor }, as(KEYS.bob)));
  });
});

describe('requests', () => {
  it('are listed newest first with their jobs, page by page', async () => {
    const { api, collection: one } = await submitted(createTestApi(), validJob({ quantity: 3 }));
    for (const row of api.orchestrator.rows.values())
      api.orchestrator.update(row.id, { createdAt: new Date(Date.now() - 1_000) });
    const { collection: two } = await submitted(api);
    const page = async (search: string): Promise<QueryRequestsResult> =>
      read<QueryRequestsResult>(await api.send('GET', `${REQUESTS}${search}`));
    const first = await page('?take=1');
    expect(first.requests).toMatchObject([
      {
        jobs: [{ job: { id: two.jobId }, lastEvent: { type: 'Initialized', jobId: two.jobId } }],
      },
    ]);
    expect(first.cursor?.nextDateTime).toBe(first.requests[0]?.dateTime);
    const { nextId = '' } = first.cursor ?? {};
    for (const cursor of [nextId, JSON.stringify(first.cursor)]) {
      const second = await page(`?${new URLSearchParams({ take: '1', cursor }).toString()}`);
      expect(second.cursor).toBeNull();
      expect(second.requests[0]?.jobs.map(({ job }) => job['id'])).toEqual(
        one.jobs.map(({ jobId }) => jobId),
      );
    }
    expect((await page('')).requests).toHaveLength(2);
  });

  it.each(['0', '101', '-1', '1.5', 'ten', '1e1', ''])(
    'are refused with 400 for take=%s',
    async (take) => {
      await problemOf(await createTestApi().send('GET', `${REQUESTS}?take=${take}`));
    },
  );
});

describe('consumption', () => {
  it('sums what succeeded in the period, at the cost the jobs show', async () => {
    const { api, collection } = await submitted(createTestApi(), validJob({ quantity: 3 }));
    const [first, second] = collection.jobs;
    for (const job of [first, second]) api.orchestrator.succeed(job?.jobId ?? '');
    const now = Date.now();
    const of = async (search: string): Promise<unknown> =>
      read(await api.send('GET', `${CONSUMPTION}${search}`));
    const cost = 2 * (first?.cost ?? 0);
    expect(cost).toBeGreaterThan(0);
    expect(await of('')).toEqual({ images: 2, totalCost: cost, startDate: null, endDate: null });
    const iso = (ms: number): string => new Date(ms).toISOString();
    expect(await of(`?startDate=${iso(now - 60_000)}&endDate=${iso(now + 60_000)}`)).toMatchObject({
      images: 2,
      totalCost: cost,
      startDate: iso(now - 60_000).replace('Z', '0000Z'),
    });
    expect(await of(`?endDate=${iso(now - 60_000)}`)).toMatchObject({ images: 0, totalCost: 0 });
    expect(await of('?startDate=2020-01-01T00:00:00+02:00')).toMatchObject({
      images: 2,
      startDate: '2019-12-31T22:00:00.0000000Z',
    });
  });

  it.each([
    'startDate=yesterday',
    'endDate=1757182722',
    'startDate=2025-02-30',
    'endDate=2025-09-06T25:00:00Z',
    'startDate=2025-09-07&endDate=2025-09-06',
    'startDate=06.09.2025',
    "startDate='%20or%201=1",
    'startDate=%00',
    'startDate=2025-09-06T00:00:00Z&endDate=x',
  ])('is refused with 400 for %s', async (search) => {
    const { detail } = await problemOf(
      await createTestApi().send('GET', `${CONSUMPTION}?${search}`),
    );
    expect(detail).toMatch(/startDate|endDate/);
  });
});
