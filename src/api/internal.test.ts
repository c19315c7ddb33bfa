import { describe, expect, it } from 'vitest';
import { createTestApi } from './test-api.test-support.ts';

const WORKER_KEY = 'a-worker-key-of-tests';
const report = {
  pool: 'default',
  room: 2,
  reachable: true,
  files: { checkpoints: ['a.safetensors'] },
};

describe('POST /internal/servers/{serverId}/drawn', () => {
  const promptId = '5471d64f-c8e0-57cd-9b23-3a17979a6ea1';
  const post = (api: ReturnType<typeof createTestApi>, key: string, body: unknown) =>
    api.send('POST', '/internal/servers/gpu-1/drawn', body, { authorization: `Bearer ${key}` });

  it('takes the prompt of a worker that shows the key, and of nobody else', async () => {
    const api = createTestApi({ WORKER_KEY });
    expect((await post(api, 'a-wrong-key-of-tests', { promptId })).status).toBe(401);
    expect(api.drawn).toEqual([]);
    expect((await post(api, WORKER_KEY, { promptId })).status).toBe(204);
    expect(api.drawn).toEqual([{ serverId: 'gpu-1', promptId }]);
  });

  it('answers 400 to what is no prompt id', async () => {
    const api = createTestApi({ WORKER_KEY });
    expect((await post(api, WORKER_KEY, { promptId: '../x' })).status).toBe(400);
  });
});

describe('PUT /internal/servers/{serverId}', () => {
  const put = (api: ReturnType<typeof createTestApi>, key?: string, body: unknown = report) =>
    api.send('PUT', '/internal/servers/gpu-1', body, key ? { authorization: `Bearer ${key}` } : {});

  it('takes the report of a worker that shows the key', async () => {
    const api = createTestApi({ WORKER_KEY });
    const answer = await put(api, WORKER_KEY);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ wantsLists: false, changed: true });
    expect(api.reports).toEqual([{ serverId: 'gpu-1', ...report }]);
  });

  it('says when it wants the lists that a report left out', async () => {
    const { files: _, ...light } = report;
    const answer = await put(createTestApi({ WORKER_KEY }), WORKER_KEY, light);
    expect(await answer.json()).toMatchObject({ wantsLists: true });
  });

  it('refuses everybody else, and everybody when no key is configured', async () => {
    const api = createTestApi({ WORKER_KEY });
    expect((await put(api)).status).toBe(401);
    expect((await put(api, 'a-wrong-key-of-tests')).status).toBe(401);
    expect((await put(createTestApi({}), WORKER_KEY)).status).toBe(401);
    expect(api.reports).toEqual([]);
  });

  it('answers 400 to a report that makes no sense', async () => {
    const api = createTestApi({ WORKER_KEY });
    for (const wrong of [{ room: 0 }, { room: 'lots' }, { worker: { id: 'x' } }, { running: -1 }])
      expect((await put(api, WORKER_KEY, { ...report, ...wrong })).status).toBe(400);
  });
});

describe('DELETE /internal/servers/{serverId}/workers/{workerId}', () => {
  const workerId = 'c9a5bd1c-6a3a-4f5e-9a53-3df0a2f1c001';
  const leave = (api: ReturnType<typeof createTestApi>, key: string, id = workerId) =>
    api.send('DELETE', `/internal/servers/gpu-1/workers/${id}`, undefined, {
      authorization: `Bearer ${key}`,
    });

  it('takes the leave of a worker that shows the key, and of nobody else', async () => {
    const api = createTestApi({ WORKER_KEY });
    expect((await leave(api, 'a-wrong-key-of-tests')).status).toBe(401);
    expect((await leave(api, WORKER_KEY, 'x')).status).toBe(400);
    expect(api.left).toEqual([]);
    expect((await leave(api, WORKER_KEY)).status).toBe(204);
    expect(api.left).toEqual([{ serverId: 'gpu-1', workerId }]);
  });
});

describe('PUT /internal/servers/{serverId}/progress', () => {
  const promptId = '5471d64f-c8e0-57cd-9b23-3a17979a6ea1';
  const jpeg = Buffer.concat([Buffer.from('ffd8ffe0', 'hex'), Buffer.alloc(100)]);
  const put = (api: ReturnType<typeof createTestApi>, change: object, key = WORKER_KEY) =>
    api.send(
      'PUT',
      '/internal/servers/gpu-1/progress',
      { promptId, fraction: 0.5, ...change },
      { authorization: `Bearer ${key}` },
    );
  const held = () => {
    const api = createTestApi({ WORKER_KEY });
    const lease = { jobId: promptId, runIndex: 1, attempt: 1, serverId: 'gpu-1', promptId };
    api.leases.set(promptId, lease);
    return api;
  };

  it('takes how far a drawing is, and a preview by what its bytes are', async () => {
    const api = held();
    const preview = jpeg.toString('base64');
    expect((await put(api, { node: '3', preview })).status).toBe(204);
    expect(api.progress).toEqual([
      {
        serverId: 'gpu-1',
        promptId,
        fraction: 0.5,
        node: '3',
        preview: { contentType: 'image/jpeg', bytes: jpeg },
      },
    ]);
  });

  it.each([
    ['a page', Buffer.from('<html><script>alert(1)</script></html>').toString('base64')],
    ['an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>').toString('base64')],
    ['no base64', '!!!!'],
    ['more than 512 KB', Buffer.concat([jpeg, Buffer.alloc(512 * 1024)]).toString('base64')],
  ])('refuses %s as a preview', async (_, preview) => {
    const api = held();
    expect((await put(api, { preview })).status).toBe(400);
    expect(api.progress).toEqual([]);
  });

  it('refuses a wrong key, a fraction beyond 1, and a prompt without a lease there', async () => {
    const api = held();
    expect((await put(api, {}, 'a-wrong-key-of-tests')).status).toBe(401);
    expect((await put(api, { fraction: 1.1 })).status).toBe(400);
    expect(api.progress).toEqual([]);
    api.leases.clear();
    const late = await put(api, {});
    expect(late.status).toBe(409);
    expect(await late.json()).toMatchObject({ code: 'lease_lost' });
  });

  it('refuses a key that is one of another server', async () => {
    const api = createTestApi({ WORKER_KEYS: { 'gpu-2': WORKER_KEY } });
    const response = await put(api, {});
    expect(response.status).toBe(403);
    expect(await response.text()).toContain('one of server gpu-2, not of gpu-1');
  });
});
