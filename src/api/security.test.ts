import { describe, expect, it } from 'vitest';
import { listEndpoints, createApp } from './app.ts';
import type { JobStatusCollection } from '../contract/v1/job-status.ts';
import { SCOPE_NAMES, type Scope } from '../domain/scopes.ts';
import { operatedServer } from './operated-servers.test-support.ts';
import {
  blobRecord,
  createTestApi,
  keyHolder,
  KEYS,
  SDXL,
  validJob,
  type TestApi,
} from './test-api.test-support.ts';

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

/** How a call of each endpoint looks that would work for Alice; `{…}` holes name what is hers. */
interface Call {
  readonly body?: unknown;
  readonly query?: string;
  /** False for calls that name nothing that somebody could own. */
  readonly isOwned: boolean;
  /** Alice is an operator, Bob is none. */
  readonly forOperators?: boolean;
}
const CALLS: Readonly<Record<string, Call>> = {
  'post /v1/consumer/jobs': { body: validJob(), isOwned: false },
  'get /v1/consumer/jobs': { query: '?token={token}', isOwned: true },
  'delete /v1/consumer/jobs': { query: '?token={token}', isOwned: true },
  'put /v1/consumer/jobs': { query: '?token={token}', body: { reason: 'x' }, isOwned: true },
  'post /v1/consumer/jobs/query': { body: { properties: {} }, isOwned: false },
  'get /v1/consumer/consumption': { isOwned: false },
  'get /v1/consumer/requests': { isOwned: false },
  'get /v1/consumer/jobs/{jobId}': { isOwned: true },
  'put /v1/consumer/jobs/{jobId}': { body: { reason: 'x' }, isOwned: true },
  'delete /v1/consumer/jobs/{jobId}': { isOwned: true },
  'get /v1/consumer/jobs/{jobId}/events': { isOwned: true },
  'get /v1/consumer/jobs/{jobId}/preview': { isOwned: true },
  'get /v1/consumer/jobs/{jobId}/callbacks': { isOwned: true },
  'post /v1/consumer/jobs/{jobId}/callbacks/redeliver': { isOwned: true },
  'post /v1/consumer/jobs/{jobId}/callbacks/{number}/redeliver': { isOwned: true },
  'get /v1/consumer/callbacks': { isOwned: false },
  'post /v1/consumer/callbacks/redeliver': { isOwned: false },
  'get /v1/consumer/callbacks/secret': { isOwned: false },
  'post /v1/consumer/callbacks/secret/rotate': { isOwned: false },
  // Of a foreign resource it says Unknown: coverage.test.ts.
  'get /v1/consumer/coverage': { query: '?model={air}', isOwned: false },
  'get /v1/quota': { isOwned: false },
  'get /v2/resources': { isOwned: false },
  'post /v2/resources': {
    body: { air: 'urn:air:sdxl:lora:civitai:1@2', modelName: 'x', type: 'lora' },
    isOwned: false,
  },
  'get /v2/resources/{air}': { isOwned: true },
  'put /v2/resources/{air}': { body: { modelName: 'x', type: 'checkpoint' }, isOwned: true },
  'patch /v2/resources/{air}': { body: { modelName: 'x' }, isOwned: true },
  'delete /v2/resources/{air}': { isOwned: true },
  'get /v1/servers': { isOwned: false, forOperators: true },
  'get /v1/servers/{serverId}': { isOwned: false, forOperators: true },
  'delete /v1/servers/{serverId}': { isOwned: false, forOperators: true },
  'post /v1/servers/{serverId}/drain': { isOwned: false, forOperators: true },
  'post /v1/servers/{serverId}/resume': { isOwned: false, forOperators: true },
};

const shape = createTestApi();
const endpoints = listEndpoints(shape.deps, createApp(shape.deps));
const protectedOnes = endpoints.filter(
  ({ access }) => access === 'tenant' || access === 'operator',
);
const nameOf = (one: { method: string; path: string }): string => `${one.method} ${one.path}`;

async function aliceApi(): Promise<{ api: TestApi; holes: Record<string, string> }> {
  const api = createTestApi({ AUTH: 'keys' });
  // Only Alice has this resource.
  api.resources.delete(`bob ${SDXL}`);
  const response = await api.send('POST', '/v1/consumer/jobs', validJob(), bearer(KEYS.alice));
  const { jobId = '', token } = (await response.json()) as JobStatusCollection;
  api.operated.set('gpu-a', operatedServer({ isReported: false }));
  return {
    api,
    holes: { jobId, token: encodeURIComponent(token), air: SDXL, serverId: 'gpu-a', number: '1' },
  };
}

function call(api: TestApi, name: string, holes: Record<string, string>, key: string | undefined) {
  const { body, query = '' } = CALLS[name] ?? { isOwned: false };
  const [method = '', path = ''] = name.split(' ');
  const filled = (path + query).replace(/\{(\w+)\}/g, (_, hole: string) => holes[hole] ?? '');
  return api.send(method.toUpperCase(), filled, body, key === undefined ? {} : bearer(key));
}

describe('every endpoint of tenants', () => {
  it('stands in this table', () => {
    expect(protectedOnes.map(nameOf).sort()).toEqual(Object.keys(CALLS).sort());
  });

  it.each(protectedOnes.map(nameOf))('%s', async (name) => {
    const { api, holes } = await aliceApi();
    const withoutKey = await call(api, name, holes, undefined);
    expect(withoutKey.status).toBe(401);
    expect(withoutKey.headers.get('www-authenticate')).toContain('Bearer');
    expect((await call(api, name, holes, 'orc_wrong')).status).toBe(401);
    expect(
      (await api.send('GET', '/v2/resources', undefined, { authorization: KEYS.alice })).status,
    ).toBe(401);

    const byBob = await call(api, name, holes, KEYS.bob);
    if (CALLS[name]?.isOwned) expect(byBob.status).toBe(404);
    if (CALLS[name]?.forOperators) expect(byBob.status).toBe(403);

    const byAlice = await call(api, name, holes, KEYS.alice);
    expect(byAlice.status, await byAlice.clone().text()).toBeLessThan(300);

    api.keys.clear();
    api.clock = new Date(api.clock.getTime() + 5_000);
    expect((await call(api, name, holes, KEYS.alice)).status).toBe(401);

    const shown = api.logLines.join('\n') + (await byBob.text());
    for (const secret of [KEYS.alice, KEYS.bob, holes['token'] ?? ''])
      expect(shown).not.toContain(secret);
  });
});

describe('scopes', () => {
  it('stand at every endpoint that needs a key, and at no other', () => {
    for (const one of endpoints)
      expect(SCOPE_NAMES.includes(one.scope as Scope), nameOf(one)).toBe(
        protectedOnes.includes(one),
      );
    for (const { method, scope } of protectedOnes)
      expect(scope).toMatch(method === 'get' ? /:read$/ : /:(read|write)$/);
  });

  it.each(protectedOnes.map((one) => [nameOf(one), one.scope as Scope] as const))(
    '%s is open to a key with %s and to none without it',
    async (name, scope) => {
      const { api, holes } = await aliceApi();
      const others = SCOPE_NAMES.filter((other) => other !== scope);
      const give = (scopes: readonly Scope[]) =>
        api.keys.set(KEYS.carol, keyHolder('alice', { operator: true, scopes }));
      give(others);
      const refused = await call(api, name, holes, KEYS.carol);
      expect(refused.status).toBe(403);
      expect(refused.headers.get('www-authenticate')).toContain(`scope="${scope}"`);
      expect(await refused.json()).toMatchObject({
        code: 'forbidden',
        detail: expect.stringContaining(`lacks the scope '${scope}'`) as string,
      });
      give([scope]);
      api.clock = new Date(api.clock.getTime() + 5_000);
      const answer = await call(api, name, holes, KEYS.carol);
      expect(answer.status, await answer.clone().text()).toBeLessThan(300);
    },
  );
});

describe('keys', () => {
  it('that have ended are refused and told when that was', async () => {
    const { api } = await aliceApi();
    const expiresAt = new Date('2025-12-31T00:00:00Z');
    api.keys.set(KEYS.carol, keyHolder('alice', { expiresAt, isExpired: true }));
    const answer = await api.send('GET', '/v2/resources', undefined, bearer(KEYS.carol));
    expect(answer.status).toBe(401);
    expect(await answer.text()).toContain('ended at 2025-12-31T00:00:00.000Z');
  });

  it('are looked up again after at most five seconds, not at every call', async () => {
    const { api } = await aliceApi();
    api.keys.delete(KEYS.alice);
    const status = async () =>
      (await api.send('GET', '/v2/resources', undefined, bearer(KEYS.alice))).status;
    expect(await status()).toBe(200);
    api.clock = new Date(api.clock.getTime() + 5_000);
    expect(await status()).toBe(401);
  });

  it('answer 503 while the database is gone', async () => {
    const api = createTestApi({ AUTH: 'keys' });
    const app = createApp({
      ...api.deps,
      keys: {
        findHolder: () => Promise.reject(Object.assign(new Error('x'), { code: 'ECONNREFUSED' })),
      },
    });
    expect((await app.request('/v2/resources', { headers: bearer(KEYS.alice) })).status).toBe(503);
  });
});

describe('endpoints without a key', () => {
  it('are the documented ones', () => {
    const open = endpoints.filter((one) => !protectedOnes.includes(one)).map(nameOf);
    expect(open.sort()).toEqual([
      'delete /internal/servers/{serverId}/workers/{workerId}',
      'get /',
      'get /docs',
      'get /health',
      // The link proves it: transfers.test.ts.
      'get /internal/transfers',
      'get /openapi.json',
      'get /ready',
      'get /v2/consumer/blobs/{blobId}',
      // Show WORKER_KEY: internal.test.ts.
      'post /internal/servers/{serverId}/drawn',
      'post /internal/servers/{serverId}/transfers',
      'put /internal/servers/{serverId}',
      'put /internal/servers/{serverId}/progress',
      'put /internal/transfers',
      // The link proves it: uploads in test/postgres/tasks.test.ts.
      'put /v2/consumer/blobs/uploads/{jobId}',
    ]);
  });

  it('serve a signed blob with a foreign Bearer header or none, and never log the signature', async () => {
    const api = createTestApi({ AUTH: 'keys' });
    api.blobs.set('A.png', blobRecord('A.png', 'alice'));
    const { sig, exp } = api.deps.signer.sign('A.png');
    const path = `/v2/consumer/blobs/A.png?${new URLSearchParams({ sig, exp }).toString()}`;
    expect((await api.send('GET', path)).status).toBe(200);
    expect((await api.send('GET', path, undefined, bearer('anything'))).status).toBe(200);
    expect(api.logLines.join('\n')).not.toContain(sig);
  });
});
