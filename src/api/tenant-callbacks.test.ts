import { describe, expect, it } from 'vitest';
import { createTestApi, KEYS } from './test-api.test-support.ts';

const PATH = '/v1/consumer/callbacks';

interface Page {
  readonly cursor: string | null;
  readonly deliveries: readonly { readonly jobId: string; readonly number: number }[];
}

describe('the deliveries of a tenant', () => {
  it('come page by page, the dead ones when nothing else is asked for', async () => {
    const api = createTestApi();
    const numbers: number[][] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const response = await api.send('GET', `${PATH}?take=2&cursor=${encodeURIComponent(cursor)}`);
      expect(response.status, await response.clone().text()).toBe(200);
      const page = (await response.json()) as Page;
      numbers.push(page.deliveries.map(({ number }) => number));
      cursor = page.cursor;
    }
    expect(numbers).toEqual([[5, 4], [3, 2], [1]]);
    const pending = await api.send('GET', `${PATH}?state=pending`);
    expect(await pending.json()).toEqual({ cursor: null, deliveries: [] });
  });

  it('say what the log of their job says', async () => {
    const page = (await (await createTestApi().send('GET', `${PATH}?take=1`)).json()) as Page;
    const jobId = '37d9d863-7928-41c1-bc83-626c00995137';
    expect(page.deliveries).toEqual([
      {
        ...{ jobId, number: 5, webhookId: `msg_${jobId}_5_Claimed`, event: 'Claimed' },
        ...{ state: 'dead', url: 'https://example.org/hook', tries: 2, lastStatus: 410 },
        lastError: 'The receiver answered 410.',
        ...{ createdAt: expect.any(String), lastTryAt: expect.any(String) },
        endedAt: expect.any(String),
      },
    ]);
  });

  it.each(['state=gone', 'take=0', 'take=201', 'cursor=x', 'state='])(
    '%s is a 400',
    async (query) => {
      expect((await createTestApi().send('GET', `${PATH}?${query}`)).status).toBe(400);
    },
  );

  it('take no cursor of another state or tenant', async () => {
    const api = createTestApi({ AUTH: 'keys' });
    const get = (key: string, query: string) =>
      api.send('GET', `${PATH}?${query}`, undefined, { authorization: `Bearer ${key}` });
    const { cursor } = (await (await get(KEYS.alice, 'take=2')).json()) as Page;
    const next = `take=2&cursor=${encodeURIComponent(cursor ?? '')}`;
    expect((await get(KEYS.alice, next)).status).toBe(200);
    expect((await get(KEYS.alice, `${next}&state=pending`)).status).toBe(400);
    expect((await get(KEYS.bob, next)).status).toBe(400);
  });

  it('are sent once more in one call', async () => {
    const response = await createTestApi().send('POST', `${PATH}/redeliver`);
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual({ redelivered: 5 });
  });
});
