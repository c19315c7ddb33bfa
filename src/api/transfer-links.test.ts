import { readdir } from 'node:fs/promises';
import { request as openRequest } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  MAX_BYTES,
  startTransferApi,
  type TestLease,
  type TransferApi,
} from './transfers.test-support.ts';

let on: TransferApi;
beforeAll(async () => {
  on = await startTransferApi();
});
afterAll(() => on.close());

const uploadPath = async (lease: TestLease): Promise<string> => {
  const link = (await (await on.linkFor(lease, { key: lease.key() })).json()) as { path: string };
  return link.path;
};

describe('a link', () => {
  it('is good for its own file, direction and lease only', async () => {
    const lease = on.hold();
    const other = on.hold();
    const path = await uploadPath(lease);
    const change = (name: string, value: string): string => {
      const url = new URL(path, on.url);
      url.searchParams.set(name, value);
      return url.href;
    };
    const forged = [
      change('key', other.key()),
      change('key', '../../x'),
      change('prompt', other.promptId),
      change('server', 'gpu-2'),
      change('max', '999999999'),
      change('exp', String(Date.now() + 1e9)),
      change('sig', 'AAAA'),
      `${on.url}/internal/transfers`,
    ];
    for (const url of forged)
      expect((await fetch(url, { method: 'PUT', body: 'x' })).status).toBe(403);
    expect((await fetch(on.url + path)).status).toBe(403);
    expect((await fetch(on.url + path, { method: 'PUT', body: 'x' })).status).toBe(200);
  });

  it('ends after five minutes', async () => {
    const path = await uploadPath(on.hold());
    const { api } = on;
    const { clock } = api;
    api.clock = new Date(clock.getTime() + 5 * 60_000);
    const response = await fetch(on.url + path, { method: 'PUT', body: 'x' });
    api.clock = clock;
    expect(response.status).toBe(403);
    expect(await response.text()).toContain('This link has ended');
  });

  it('is not in the log', async () => {
    const path = await uploadPath(on.hold());
    await fetch(on.url + path, { method: 'PUT', body: 'x' });
    const sig = new URL(path, on.url).searchParams.get('sig') ?? '?';
    expect(on.api.logLines.join('\n')).not.toContain(sig);
  });

  it('takes no body above its limit, announced or not', async () => {
    const lease = on.hold();
    const path = await uploadPath(lease);
    const body = Buffer.alloc(MAX_BYTES + 1);
    const announced = await fetch(on.url + path, { method: 'PUT', body });
    expect(announced.status).toBe(413);
    const streamed = await fetch(on.url + path, {
      method: 'PUT',
      body: Readable.from([body.subarray(9), body.subarray(0, 9)]),
      duplex: 'half',
    });
    expect(streamed.status).toBe(413);
    expect(await on.store.stat(lease.key())).toBeUndefined();
  });

  it('holds a Content-Digest against the bytes', async () => {
    const lease = on.hold();
    const path = await uploadPath(lease);
    const put = (digest: string) =>
      fetch(on.url + path, { method: 'PUT', body: 'x', headers: { 'content-digest': digest } });
    expect((await put(`sha-256=:${'A'.repeat(43)}=:`)).status).toBe(400);
    expect((await put('md5=:AAAA:')).status).toBe(400);
    expect(await on.store.stat(lease.key())).toBeUndefined();
    const right = await put('sha-256=:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=:');
    expect(right.status).toBe(200);
  });

  it('stores nothing of a body that breaks off, and leaves no half file behind', async () => {
    const lease = on.hold();
    const url = new URL(await uploadPath(lease), on.url);
    const request = openRequest(url, { method: 'PUT' });
    request.on('error', () => undefined);
    await new Promise<void>((resolve) => request.write(Buffer.alloc(300_000), () => resolve()));
    const unfinished = join(on.folder, '.unfinished');
    await expect.poll(() => readdir(unfinished)).toHaveLength(1);
    request.destroy();
    await expect.poll(() => readdir(unfinished)).toEqual([]);
    expect(await on.store.stat(lease.key())).toBeUndefined();
  });
});
