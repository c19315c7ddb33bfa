import { describe, expect, it } from 'vitest';
import type { ServerDetail, ServerView } from '../contract/server.ts';
import { operatedServer } from './operated-servers.test-support.ts';
import { createTestApi, type TestApi } from './test-api.test-support.ts';

const apiWith = (...servers: Parameters<typeof operatedServer>): TestApi => {
  const api = createTestApi();
  for (const change of servers) {
    const server = operatedServer(change);
    api.operated.set(server.id, server);
  }
  return api;
};
const read = async (api: TestApi, id: string): Promise<ServerDetail> =>
  (await (await api.send('GET', `/v1/servers/${id}`)).json()) as ServerDetail;

describe('GET /v1/servers', () => {
  it('says in what state each server is, and since when', async () => {
    const api = createTestApi();
    const states: [string, Parameters<typeof operatedServer>[0], string][] = [
      ['up', {}, '2025-12-31T00:00:00.000Z'],
      ['draining', { drainingAt: new Date('2025-11-01') }, '2025-11-01T00:00:00.000Z'],
      [
        'down',
        { reachable: false, downSince: new Date('2025-12-01'), drainingAt: new Date('2025-11-01') },
        '2025-12-01T00:00:00.000Z',
      ],
      ['gone', { isReported: false }, '2026-01-01T00:00:00.000Z'],
    ];
    for (const [id, change] of states) api.operated.set(id, operatedServer({ id, ...change }));
    const response = await api.send('GET', '/v1/servers');
    const { servers } = (await response.json()) as { servers: ServerView[] };
    expect(servers.map(({ id, state, since }) => [id, state, since])).toEqual(
      states.map(([id, , since]) => [id, id, since]),
    );
    expect(servers.map(({ running }) => running)).toEqual([1, 1, null, null]);
  });

  it('shows the error of a server without its address', async () => {
    const error = 'ComfyUI gpu-a at http://10.0.0.7:8188 gave no answer';
    const api = apiWith({
      reachable: false,
      error,
      lastError: error,
      workers: [
        {
          id: 'w',
          startedAt: '2026-01-01T00:00:00Z',
          reachable: false,
          error,
          reportedAt: '2026-01-01',
        },
      ],
    });
    const text = JSON.stringify([
      await read(api, 'gpu-a'),
      await (await api.send('GET', '/v1/servers')).json(),
    ]);
    expect(text).toContain('gave no answer');
    expect(text).not.toContain('10.0.0.7');
  });
});

describe('POST /v1/servers/{serverId}/drain and /resume', () => {
  it('are the same the second time, and remember when draining began', async () => {
    const api = apiWith({});
    const call = async (verb: string): Promise<ServerDetail> => {
      const response = await api.send('POST', `/v1/servers/gpu-a/${verb}`);
      expect(response.status).toBe(200);
      return (await response.json()) as ServerDetail;
    };
    const first = await call('drain');
    expect(first).toMatchObject({ state: 'draining', drainingSince: '2026-01-01T00:00:00.000Z' });
    api.clock = new Date('2026-01-02T00:00:00Z');
    expect(await call('drain')).toEqual(first);
    expect(await call('resume')).toMatchObject({ state: 'up', drainingSince: null });
    expect(await call('resume')).toMatchObject({ state: 'up' });
  });

  it.each(['/drain', '/resume', ''])(
    'answer 404 for a server that is unknown (%s)',
    async (tail) => {
      const api = createTestApi();
      const method = tail === '' ? 'GET' : 'POST';
      for (const id of ['nowhere', '%00', '..%2F..', 'x'.repeat(300)])
        expect((await api.send(method, `/v1/servers/${id}${tail}`)).status).toBe(404);
    },
  );
});

describe('DELETE /v1/servers/{serverId}', () => {
  it.each([
    ['a worker reports of', {}, 409],
    ['a job holds a place on', { isReported: false, leases: 1 }, 409],
    ['is gone', { isReported: false }, 204],
  ])('of a server that %s', async (_what, change, status) => {
    const api = apiWith(change);
    expect((await api.send('DELETE', '/v1/servers/gpu-a')).status).toBe(status);
    expect(api.operated.has('gpu-a')).toBe(status === 409);
  });
});
