/** A ComfyUI behind a reverse proxy that lets nobody in without credentials, neither to HTTP nor to the WebSocket. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Executor } from '../../src/ports.ts';
import {
  bytesOf,
  executorFor,
  pictureGraph,
  readPng,
  startTestSimulator,
  submitNew,
  watchToEnd,
} from './comfy-harness.ts';
import {
  startReverseProxy,
  type ReverseProxy,
  type ReverseProxyOptions,
} from '../support/reverse-proxy.ts';

const BASIC = `Basic ${Buffer.from('user:p@ss').toString('base64')}`;

let simulator: Awaited<ReturnType<typeof startTestSimulator>>;
beforeAll(async () => {
  simulator = await startTestSimulator();
});
afterAll(() => simulator.release());

const releases: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const release of releases.splice(0).reverse()) await release();
});

const behind = async (options: Omit<ReverseProxyOptions, 'target'>): Promise<ReverseProxy> => {
  const proxy = await startReverseProxy({ target: simulator.url, ...options });
  releases.push(proxy.close);
  return proxy;
};

const connect = (...args: Parameters<typeof executorFor>): Executor => {
  const executor = executorFor(...args);
  releases.push(() => executor.close());
  return executor;
};

/** Draws a picture, and shows that every request passed and that progress came, which only the socket brings. */
const expectPicture = async (executor: Executor, proxy: ReverseProxy): Promise<void> => {
  expect(await executor.probe()).toMatchObject({ reachable: true });
  const seen: number[] = [];
  const promptId = await submitNew(executor, pictureGraph(20));
  const end = await watchToEnd(executor, promptId, ({ fraction }) => seen.push(fraction));
  if (end.state !== 'succeeded') throw new Error(JSON.stringify(end));
  const picture = await bytesOf(await executor.fetchOutput(end.outputs[0]!));
  expect(readPng(picture).width).toBeGreaterThan(0);
  expect(seen.filter((fraction) => fraction > 0 && fraction < 1).length).toBeGreaterThan(1);
  expect(proxy.log.filter(({ ok }) => !ok)).toEqual([]);
  const paths = proxy.log.map(({ method, path }) => `${method} ${path.split('?')[0]}`);
  const { pathname } = new URL(`${proxy.url}/`);
  for (const call of ['POST prompt', 'GET view', 'UPGRADE ws'])
    expect(paths).toContain(call.replace(' ', ` ${pathname}`));
};

describe('a ComfyUI behind a proxy', () => {
  it('is reached with user and password of its address', async () => {
    const proxy = await behind({ demands: { header: 'authorization', value: BASIC } });
    const address = proxy.url.replace('http://', 'http://user:p%40ss@');
    await expectPicture(connect(address), proxy);
  });

  it('is reached with headers, below a path', async () => {
    const header = 'cf-access-client-secret';
    const proxy = await behind({ prefix: '/gpu/comfy', demands: { header, value: 's3cret' } });
    await expectPicture(connect(proxy.url, { headers: { [header]: 's3cret' } }), proxy);
  });

  it('draws without progress when the proxy does not pass the WebSocket', async () => {
    const proxy = await behind({ upgrades: 'no' });
    const executor = connect(proxy.url);
    const end = await watchToEnd(executor, await submitNew(executor, pictureGraph(3)));
    expect(end.state).toBe('succeeded');
    expect(proxy.log).toContainEqual(expect.objectContaining({ method: 'UPGRADE', ok: false }));
  });

  it('is not reachable with wrong credentials, and says where to put the right ones', async () => {
    const proxy = await behind({ demands: { header: 'authorization', value: BASIC } });
    for (const address of [proxy.url, proxy.url.replace('http://', 'http://user:wr0ng@')]) {
      const report = await connect(address).probe();
      expect(report).toMatchObject({ reachable: false });
      expect(report.error).toContain('answered 401');
      expect(report.error).toContain('check the credentials in COMFY_HTTP_URL or COMFY_HEADERS');
      expect(report.error).not.toContain('wr0ng');
    }
  });
});
