import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OrchestratorError } from '../errors.ts';
import { graphKeyFor, inputKeyFor } from '../storage/keys.ts';
import { listen } from './server.ts';
import {
  BOUND_KEY,
  startTransferApi,
  WORKER_KEY,
  type TestLease,
  type TransferApi,
} from './transfers.test-support.ts';

let on: TransferApi;
beforeAll(async () => {
  on = await startTransferApi();
});
afterAll(() => on.close());
beforeEach(() => {
  on.disk.fault = undefined;
});

const stored = async (key: string): Promise<string | undefined> => {
  const stream = await on.store.open(key);
  return stream && (await buffer(stream)).toString();
};

describe('a remote worker', () => {
  it('sends an output as a stream and gets its size and digest back; the same again changes nothing', async () => {
    const lease = on.hold();
    const bytes = randomBytes(900_000);
    const send = () =>
      on
        .blobs()
        .put(
          lease,
          { key: lease.key(), slot: 0 },
          Readable.from([bytes.subarray(0, 5), bytes.subarray(5)]),
        );
    const first = await send();
    expect(await send()).toEqual(first);
    expect(first.bytes).toBe(bytes.length);
    const file = await on.store.open(lease.key());
    expect(file && (await buffer(file)).equals(bytes)).toBe(true);
  });

  it('fetches the input files of its own job, and of no other', async () => {
    const lease = on.hold();
    const key = inputKeyFor(lease.jobId, 'image');
    const bytes = randomBytes(3_000);
    await on.store.put(key, bytes);
    const stream = await on.blobs().open(lease, key);
    expect(stream && (await buffer(stream)).equals(bytes)).toBe(true);
    await expect(on.blobs().open(on.hold(), key)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(
      on.blobs().put(lease, { key, slot: 0 }, Readable.from([bytes])),
    ).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('fetches its graph, and learns when there is none', async () => {
    const lease = on.hold();
    const key = graphKeyFor(lease.promptId);
    expect(await on.blobs().open(lease, key)).toBeUndefined();
    const bytes = randomBytes(300_000);
    await on.store.put(key, bytes);
    const stream = await on.blobs().open(lease, key);
    expect(stream && (await buffer(stream)).equals(bytes)).toBe(true);
  });

  it('takes an address that ends in slashes', async () => {
    const lease = on.hold();
    await on
      .blobs(WORKER_KEY, `${on.url}//`)
      .put(lease, { key: lease.key(), slot: 0 }, Readable.from(['x']));
    expect(await stored(lease.key())).toBe('x');
  });

  it('fails as its source does, and nothing is stored', async () => {
    const lease = on.hold();
    const source = Readable.from(
      (async function* () {
        yield Buffer.from('half');
        throw new Error('the source broke');
      })(),
    );
    const put = on.blobs().put(lease, { key: lease.key(), slot: 0 }, source);
    await expect(put).rejects.toThrow('the source broke');
    expect(await on.store.stat(lease.key())).toBeUndefined();
  });

  it('stops at the limit of the API', async () => {
    const lease = on.hold();
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(65_536);
      })(),
    );
    const put = on.blobs().put(lease, { key: lease.key(), slot: 0 }, endless);
    await expect(put).rejects.toMatchObject({ code: 'output_invalid' });
    expect(endless.destroyed).toBe(true);
    expect(await on.store.stat(lease.key())).toBeUndefined();
  });

  it.each([
    ['a full disk', new OrchestratorError('storage_full', 'full'), 507, 'storage_full'],
    ['a failing disk', new Error('EIO'), 500, 'unavailable'],
  ])('is told of %s while it sends, and may try again', async (_, fault, status, code) => {
    const lease = on.hold();
    on.disk.fault = fault;
    const pieces = Array.from({ length: 30 }, () => Buffer.alloc(30_000));
    const put = on.blobs().put(lease, { key: lease.key(), slot: 0 }, Readable.from(pieces));
    await expect(put).rejects.toMatchObject({ code, retryable: true });
    await expect(put).rejects.toThrow(`answered ${status}`);
  });

  it('may try again when nobody answers, when something else answers, and after a redirect that it does not follow', async () => {
    const lease = on.hold();
    const put = (url: string) =>
      on.blobs(WORKER_KEY, url).put(lease, { key: lease.key(), slot: 0 }, Readable.from(['x']));
    await expect(put('http://127.0.0.1:1')).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    });
    const seen: string[] = [];
    const other = await listen({
      fetch: (request) => {
        seen.push(new URL(request.url).pathname);
        return request.url.includes('/moved/')
          ? new Response(null, { status: 307, headers: { location: '/elsewhere' } })
          : new Response('<html>log in</html>');
      },
      host: '127.0.0.1',
      port: 0,
      newTrace: () => 'trace',
    });
    for (const path of ['', '/moved'])
      await expect(put(other.url + path)).rejects.toMatchObject({
        code: 'unavailable',
        retryable: true,
      });
    expect(seen).not.toContain('/elsewhere');
    await other.close(0);
  });

  it('does not believe an answer that names other bytes than were sent', async () => {
    const lease = on.hold();
    const liar = await listen({
      fetch: async (request) =>
        request.method === 'POST'
          ? Response.json({ path: '/internal/x', maxBytes: 100 })
          : Response.json({ bytes: (await request.text()).length, sha256: 'ab'.repeat(32) }),
      host: '127.0.0.1',
      port: 0,
      newTrace: () => 'trace',
    });
    const put = on
      .blobs(WORKER_KEY, liar.url)
      .put(lease, { key: lease.key(), slot: 0 }, Readable.from(['x']));
    await expect(put).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    await liar.close(0);
  });
});

describe('what a lease does not allow', () => {
  const put = (lease: TestLease, key: string, slot = 0, workerKey = WORKER_KEY) =>
    on.blobs(workerKey).put(lease, { key, slot }, Readable.from(['evil']));

  it.each([
    ['another slot', (own: TestLease) => own.key(1)],
    ['another attempt', (own: TestLease) => own.key(0, 2)],
    ['another job', () => on.hold().key()],
    ['its own graph', (own: TestLease) => graphKeyFor(own.promptId)],
    ['a path upwards', (own: TestLease) => `../../${own.key()}`],
    ['a path of the machine', () => '/etc/passwd.png'],
    ['a path behind its own', (own: TestLease) => `${own.key()}/../../x.png`],
  ])('is to send %s', async (_, keyOf) => {
    const lease = on.hold();
    await expect(put(lease, keyOf(lease))).rejects.toMatchObject({
      code: 'forbidden',
      retryable: false,
    });
    expect(existsSync(join(on.folder, 'outputs', 'x.png'))).toBe(false);
  });

  it('is to fetch anything but its graph', async () => {
    const lease = on.hold();
    const other = on.hold();
    for (const key of [graphKeyFor(other.promptId), lease.key(), '../secret'])
      await expect(on.blobs().open(lease, key)).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('is anything for another server, or once it has ended', async () => {
    const lease = on.hold();
    await expect(put({ ...lease, serverId: 'gpu-3' }, lease.key())).rejects.toMatchObject({
      code: 'forbidden',
    });
    lease.end();
    await expect(put(lease, lease.key())).rejects.toMatchObject({ code: 'lease_lost' });
    expect((await on.linkFor(lease, { key: lease.key() })).status).toBe(409);
    expect(await on.store.stat(lease.key())).toBeUndefined();
  });

  it('is to store what came too late: a lease that ended on the way keeps the file as it is', async () => {
    const lease = on.hold();
    await put(lease, lease.key());
    const late = Readable.from(
      (async function* () {
        yield Buffer.from('late');
        lease.end();
        yield Buffer.from('r');
      })(),
    );
    const again = on.blobs().put(lease, { key: lease.key(), slot: 0 }, late);
    await expect(again).rejects.toMatchObject({ code: 'lease_lost' });
    expect(await stored(lease.key())).toBe('evil');
  });

  it('is a wrong worker key, which may become right; nor a key of another server', async () => {
    const lease = on.hold();
    await expect(put(lease, lease.key(), 0, 'a-wrong-key-of-tests')).rejects.toMatchObject({
      code: 'unauthenticated',
      retryable: true,
    });
    await expect(put(lease, lease.key(), 0, BOUND_KEY)).rejects.toMatchObject({
      code: 'forbidden',
    });
    const own = on.hold('gpu-2');
    await put(own, own.key(), 0, BOUND_KEY);
    expect(await stored(own.key())).toBe('evil');
  });
});
