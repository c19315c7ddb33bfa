import { describe, expect, it } from 'vitest';
import { createApp } from './app.ts';
import { createTestApi } from './test-api.test-support.ts';

describe('service endpoints', () => {
  it('say that the process is alive and how each dependency is', async () => {
    const api = createTestApi();
    expect(await (await api.send('GET', '/health')).json()).toEqual({
      status: 'ok',
      environment: 'test',
    });
    expect(await (await api.send('GET', '/ready')).json()).toEqual({
      status: 'ok',
      dependencies: { database: { state: 'ok' } },
    });
  });

  it('answer 503 on /ready when a dependency is down, 200 when one is degraded', async () => {
    const { deps } = createTestApi();
    const ready = (state: 'down' | 'degraded') =>
      createApp({ ...deps, ready: async () => ({ comfyui: { state, detail: 'x' } }) }).request(
        '/ready',
      );
    expect((await ready('down')).status).toBe(503);
    expect((await ready('degraded')).status).toBe(200);
    const failing = createApp({ ...deps, ready: () => Promise.reject(new Error('x')) });
    expect((await failing.request('/ready')).status).toBe(503);
  });

  it('lead from / to /docs, which needs nothing from elsewhere', async () => {
    const api = createTestApi();
    const root = await api.send('GET', '/');
    expect([root.status, root.headers.get('location')]).toEqual([302, '/docs']);
    const html = await (await api.send('GET', '/docs')).text();
    expect(html).toContain('/v1/consumer/jobs/{jobId}/events');
    expect(html).not.toMatch(/(src|href)="(https?:)?\/\//);
    expect(html).not.toContain('<script');
    for (const [, id = ''] of html.matchAll(/href="#([^"]+)"/g))
      expect(html).toContain(`id="${id}"`);
  });

  it('describe every endpoint in /openapi.json', async () => {
    const document = (await (await createTestApi().send('GET', '/openapi.json')).json()) as {
      openapi: string;
      paths: Record<string, Record<string, { responses: object }>>;
      components: { schemas: Record<string, object> };
    };
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining([
        '/v1/consumer/jobs',
        '/v2/resources/{air}',
        '/v2/consumer/blobs/{blobId}',
      ]),
    );
    expect(document.paths['/v1/consumer/jobs']?.['post']?.responses).toHaveProperty('202');
    expect(document.components.schemas).toHaveProperty('Problem');
    for (const ref of JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g))
      expect(document.components.schemas).toHaveProperty(String(ref[1]));
  });
});

describe('addresses that do not exist', () => {
  it('answer 404 as a problem', async () => {
    const response = await createTestApi().send('GET', '/v1/consumer/nothing');
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({
      status: 404,
      code: 'not_found',
      title: 'Not Found',
      instance: '/v1/consumer/nothing',
    });
  });

  it.each([
    ['PATCH', '/v1/consumer/jobs', 'DELETE, GET, HEAD, POST, PUT'],
    ['POST', '/v2/resources/x', 'DELETE, GET, HEAD, PATCH, PUT'],
    ['PUT', '/v1/consumer/jobs/query', 'POST'],
    ['DELETE', '/health', 'GET, HEAD'],
  ])('answer 405 with Allow to %s %s', async (method, path, allow) => {
    const response = await createTestApi().send(method, path);
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe(allow);
    expect(await response.json()).toMatchObject({ code: 'method_not_allowed' });
  });
});

describe('tracing', () => {
  it('continues a W3C traceparent and replaces an odd one', async () => {
    const api = createTestApi();
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const response = await api.send('GET', '/x', undefined, {
      traceparent: `00-${trace}-00f067aa0ba902b7-01`,
    });
    const { traceId } = (await response.json()) as { traceId: string };
    expect(traceId.slice(3, 35)).toBe(trace);
    expect(response.headers.get('traceparent')).toBe(traceId);
    const odd = await api.send('GET', '/x', undefined, { traceparent: '00-a-b-c, 00-a-b-c' });
    expect(odd.headers.get('traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(api.logLines[0]).toContain(trace);
  });
});
