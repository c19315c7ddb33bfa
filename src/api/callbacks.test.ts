import { describe, expect, it } from 'vitest';
import type { Problem } from '../contract/problem.ts';
import { createTestApi, KEYS, validJob, type TestApi } from './test-api.test-support.ts';

const PATH = '/v1/consumer/jobs';

async function refusal(body: unknown): Promise<Problem> {
  const api = createTestApi();
  const response = await api.send('POST', PATH, body);
  const problem = (await response.json()) as Problem;
  expect(response.status, JSON.stringify(problem)).toBe(400);
  return problem;
}

describe('an address for callbacks', () => {
  it.each([
    ['ftp://example.org/', 'http'],
    ['no address', 'http'],
    ['http://127.0.0.1:9/hook', 'loopback'],
    ['http://localhost/hook', 'loopback'],
    ['http://[::1]/hook', 'loopback'],
    ['http://169.254.169.254/latest', 'link-local'],
    ['http://192.168.1.1/', 'private'],
    ['https://me:word@example.org/', 'user name'],
    ['https://inner.example.org/', 'resolves to an address that is private'],
  ])('%s is refused with the field and the reason', async (callbackUrl, reason) => {
    const problem = await refusal({ jobs: [validJob(), { ...validJob(), callbackUrl }] });
    expect(Object.keys(problem.errors ?? {})).toEqual(['jobs[1].callbackUrl']);
    expect(JSON.stringify(problem.errors)).toContain(reason);
    expect(JSON.stringify(problem)).not.toContain('word@');
  });

  it('is kept with the events that were asked for', async () => {
    const api = createTestApi();
    const callback = {
      callbackUrl: 'https://example.org/hook',
      callbackEvents: ['Updated', 'Failed'],
    };
    const response = await api.send('POST', PATH, { ...validJob(), ...callback });
    expect(response.status, await response.clone().text()).toBe(202);
    expect(api.orchestrator.submissions[0]?.callback).toEqual({
      url: callback.callbackUrl,
      events: callback.callbackEvents,
    });
  });

  it.each([
    [{ callbackEvents: ['Succeeded'] }, 'callbackEvents'],
    [{ callbackUrl: 'https://example.org/', callbackEvents: [] }, 'callbackEvents'],
    [{ callbackUrl: 'https://example.org/', callbackEvents: ['Finished'] }, 'callbackEvents[0]'],
    [{ callbackUrl: 'https://example.org/', callbackEvents: 'all' }, 'callbackEvents'],
    [{ callbackUrl: `https://example.org/${'x'.repeat(3_000)}` }, 'callbackUrl'],
    [{ callbackUrl: 17 }, 'callbackUrl'],
  ])('with wrong fields is refused: %j', async (fields, path) => {
    const problem = await refusal({ ...validJob(), ...fields });
    expect(Object.keys(problem.errors ?? {})).toEqual([path]);
  });
});

describe('the delivery log', () => {
  const submit = async (api: TestApi): Promise<string> => {
    const response = await api.send('POST', PATH, validJob());
    return ((await response.json()) as { jobs: { jobId: string }[] }).jobs[0]?.jobId ?? '';
  };

  it('shows tries, and a delivery can be sent once more', async () => {
    const api = createTestApi();
    const jobId = await submit(api);
    const log = await api.send('GET', `${PATH}/${jobId}/callbacks`);
    expect(await log.json()).toMatchObject({
      jobId,
      deliveries: [
        {
          number: 1,
          webhookId: `msg_${jobId}_1_Claimed`,
          event: 'Claimed',
          state: 'dead',
          tries: 2,
          lastStatus: 410,
        },
      ],
    });
    const again = await api.send('POST', `${PATH}/${jobId}/callbacks/1/redeliver`);
    expect(again.status).toBe(202);
    expect(await again.json()).toEqual({ jobId, redelivered: [1] });
    for (const [number, status] of [
      ['2', 404],
      ['0', 400],
      ['x', 400],
      ['1e0', 400],
      ['%201', 400],
      ['99999999999', 400],
    ] as const)
      expect(
        (await api.send('POST', `${PATH}/${jobId}/callbacks/${number}/redeliver`)).status,
      ).toBe(status);
  });

  it('is that of its own tenant, and so is the secret', async () => {
    const api = createTestApi({ AUTH: 'keys' });
    const secretOf = async (key: string): Promise<unknown> =>
      (
        await api.send('GET', '/v1/consumer/callbacks/secret', undefined, {
          authorization: `Bearer ${key}`,
        })
      ).json();
    expect(await secretOf(KEYS.alice)).toMatchObject({ secrets: [{ secret: 'whsec_of_alice' }] });
    expect(await secretOf(KEYS.bob)).toMatchObject({ secrets: [{ secret: 'whsec_of_bob' }] });
  });

  it('keeps the secret before for as long as is asked for', async () => {
    const api = createTestApi();
    const path = '/v1/consumer/callbacks/secret/rotate';
    const rotated = await api.send('POST', `${path}?graceSeconds=60`);
    expect(rotated.headers.get('cache-control')).toBe('no-store');
    expect(await rotated.json()).toMatchObject({
      secrets: [{ secret: 'whsec_new_local' }, { secret: 'whsec_of_local' }],
    });
    expect((await api.send('POST', `${path}?graceSeconds=-1`)).status).toBe(400);
    expect((await api.send('POST', `${path}?graceSeconds=soon`)).status).toBe(400);
    expect((await api.send('POST', `${path}?graceSeconds=`)).status).toBe(400);
  });
});
