import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../telemetry.ts';
import { METRICS_TYPE } from './exporter.ts';
import { startMetricsServer, type MetricsServer } from './metrics-server.ts';

const open: MetricsServer[] = [];
const start = async (key?: string, render = () => Promise.resolve('up 1\n')) => {
  const exporter = { render };
  const server = await startMetricsServer({
    exporter,
    host: '127.0.0.1',
    port: 0,
    key,
    logger: silentLogger,
  });
  open.push(server);
  return server;
};
afterEach(() => Promise.all(open.splice(0).map((server) => server.close())));

describe('the metrics server', () => {
  it('serves the metrics and nothing else', async () => {
    const { url } = await start();
    const answer = await fetch(url);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, METRICS_TYPE]);
    expect(await answer.text()).toBe('up 1\n');
    expect((await fetch(`${url}?name[]=x`)).status).toBe(200);
    expect((await fetch(new URL('/v1/consumer/jobs', url))).status).toBe(404);
    expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(405);
  });

  it('shows nothing to who does not have the key', async () => {
    const key = 'a-key-of-sixteen-characters';
    const { url } = await start(key);
    for (const authorization of ['', 'Bearer', `Bearer ${key}x`, `Basic ${key}`, 'Bearer x']) {
      const answer = await fetch(url, { headers: { authorization } });
      expect(answer.status, authorization).toBe(401);
      expect(await answer.text()).not.toContain('up 1');
    }
    const answer = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
    expect(await answer.text()).toBe('up 1\n');
  });

  it('answers 500 when the metrics cannot be made, and goes on', async () => {
    let fails = true;
    const { url } = await start(undefined, () =>
      fails ? Promise.reject(new Error('x')) : Promise.resolve('up 1\n'),
    );
    expect((await fetch(url)).status).toBe(500);
    fails = false;
    expect((await fetch(url)).status).toBe(200);
  });

  it('says which port is taken', async () => {
    const { url } = await start();
    const port = Number(new URL(url).port);
    const exporter = { render: () => Promise.resolve('') };
    await expect(
      startMetricsServer({ exporter, host: '127.0.0.1', port, logger: silentLogger }),
    ).rejects.toMatchObject({
      code: 'configuration',
      message: expect.stringContaining(`127.0.0.1:${port}`) as string,
    });
  });
});
