import { createServer, type RequestListener } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NewBlobRecord, ServedBlob } from '../db/blobs.ts';
import type { MediaInput } from '../domain/generation-inputs.ts';
import { createAddressRules } from '../net/address-rules.ts';
import { createOutgoing } from '../net/outgoing.ts';
import type { BlobStore } from '../ports.ts';
import { inputIdFor } from '../storage/keys.ts';
import { createLocalStore } from '../storage/local.ts';
import { createFetchInputs, type InputLimits } from './fetch-inputs.ts';

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkM+D/DwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const JOB = { jobId: '37d9d863-7928-41c1-bc83-626c00995137', tenant: 'alice' };
const goOn = new AbortController().signal;

let folder: string;
let store: BlobStore;
let records: Map<string, ServedBlob>;
const closing: (() => void)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inputs-'));
  store = createLocalStore(folder);
  records = new Map();
});
afterEach(async () => {
  for (const close of closing.splice(0)) close();
  await rm(folder, { recursive: true, force: true });
});

/** An HTTP server on loopback; gives its address and what it was asked for. */
async function serve(answer: RequestListener): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const fetchInputs = (allow: readonly string[] = ['127.0.0.1'], inputLimits?: InputLimits) =>
  createFetchInputs({
    ...(inputLimits ? { inputLimits } : {}),
    outgoing: createOutgoing(createAddressRules(allow)),
    storage: store,
    blobs: {
      findBlob: async (id) => records.get(id),
      listBlobs: async (tenant, ids) =>
        new Map(
          [...records].filter(([id, record]) => ids.includes(id) && record.tenant === tenant),
        ),
      putBlobs: async (list: readonly NewBlobRecord[]) => {
        for (const one of list)
          records.set(one.id, {
            width: null,
            height: null,
            createdAt: new Date(),
            isTainted: false,
            ...one,
          });
      },
    },
    maxInputBytes: 10_000,
    blobRetentionDays: 1,
  });

const image = (source: MediaInput['source'], kind: MediaInput['kind'] = 'image'): MediaInput => ({
  role: 'control0',
  kind,
  source,
});

describe('input files of a job', () => {
  it('are fetched once; a repetition finds what was stored, whatever the address says by then', async () => {
    const { url, asked } = await serve((_request, response) => response.end(PNG));
    const [first] = await fetchInputs()(JOB, [image({ url: `${url}/a.png` })], goOn);
    expect(first).toMatchObject({
      role: 'control0',
      extension: 'png',
      blob: { bytes: PNG.length },
    });
    const again = await fetchInputs()(JOB, [image({ url: `${url}/a.png` })], goOn);
    expect(again).toEqual([first]);
    expect(asked).toEqual(['/a.png']);
    expect(records.get(inputIdFor(JOB.jobId, 'control0'))).toMatchObject({
      tenant: 'alice',
      contentType: 'image/png',
      width: 1,
      height: 1,
    });
  });

  it('are fetched again when the stored bytes are gone', async () => {
    const { url, asked } = await serve((_request, response) => response.end(PNG));
    const [first] = await fetchInputs()(JOB, [image({ url })], goOn);
    await store.delete(first?.blob.ref ?? '');
    expect(await fetchInputs()(JOB, [image({ url })], goOn)).toEqual([first]);
    expect(asked).toHaveLength(2);
  });

  it('may be stored files of the same tenant, and of no other', async () => {
    await store.put('outputs/x.png', PNG);
    const record = {
      ...{ id: 'X.png', jobId: null, storageKey: 'outputs/x.png', contentType: 'image/png' },
      ...{ bytes: PNG.length, sha256: '', width: 1, height: 1 },
      ...{ createdAt: new Date(), expiresAt: new Date(8e15), isTainted: false },
    };
    records.set('X.png', { ...record, tenant: 'alice' });
    const [stored] = await fetchInputs()(JOB, [image({ blobKey: 'X.png' })], goOn);
    // A copy: the input outlives the file it came from.
    expect(stored?.blob.ref).not.toBe('outputs/x.png');
    expect(stored?.blob.bytes).toBe(PNG.length);
    records.delete(inputIdFor(JOB.jobId, 'control0'));
    const key = '37V4ZT4W3C4SX6P5G7M9K2RQDA.png';
    records.set(key, { ...record, id: key, tenant: 'alice' });
    const link = `http://10.0.0.1:3000/v2/consumer/blobs/${key}?sig=x`;
    expect(await fetchInputs([])(JOB, [image({ url: link })], goOn)).toEqual([stored]);
    records.clear();
    records.set('X.png', { ...record, tenant: 'bob' });
    await expect(fetchInputs()(JOB, [image({ blobKey: 'X.png' })], goOn)).rejects.toMatchObject({
      code: 'input_unavailable',
      retryable: false,
    });
  });

  it.each<[string, string, RequestListener, RegExp]>([
    ['is no picture', 'input_invalid', (_, to) => to.end('<html>hello</html>'), /no picture/],
    ['is empty', 'input_invalid', (_, to) => to.end(), /is empty/],
    ['is cut off', 'input_invalid', (_, to) => to.end(PNG.subarray(0, -4)), /cut off/],
    [
      'says that it is too large',
      'input_invalid',
      (_, to) => to.writeHead(200, { 'content-length': '99999999' }).end(),
      /at most 10000/,
    ],
    [
      'has no end',
      'input_invalid',
      (_, to) => {
        to.write(PNG);
        const more = (): void => void (to.write(Buffer.alloc(4_096)) && setImmediate(more));
        more();
      },
      /more than 10000 bytes/,
    ],
    [
      'is somewhere else',
      'input_unavailable',
      (_, to) => to.writeHead(302, { location: 'http://10.0.0.1/' }).end(),
      /redirect/,
    ],
    ['is not there', 'input_unavailable', (_, to) => to.writeHead(404).end(), /answered 404/],
    [
      'is a sound where a picture is needed',
      'input_invalid',
      (_, to) => to.end(Buffer.concat([Buffer.from('fLaC'), Buffer.alloc(80)])),
      /audio\/flac and image is needed/,
    ],
  ])('end the job when what the address has %s', async (_what, code, answer, message) => {
    const { url } = await serve(answer);
    const failed = fetchInputs()(JOB, [image({ url: `${url}/secret?key=1` })], goOn);
    await expect(failed).rejects.toMatchObject({
      code,
      retryable: false,
      message: expect.stringMatching(message) as string,
    });
    await expect(failed).rejects.not.toMatchObject({
      message: expect.stringContaining('secret') as string,
    });
    expect(records.size).toBe(0);
  });

  it('are tried a few times when their server fails for the moment', async () => {
    let left = 2;
    const { url, asked } = await serve((_request, response) => {
      if (left-- > 0) response.writeHead(503).end();
      else response.end(PNG);
    });
    expect(await fetchInputs()(JOB, [image({ url })], goOn)).toHaveLength(1);
    expect(asked).toHaveLength(3);
  });

  it.each<[string, InputLimits, RegExp]>([
    ['say nothing for long', { total: 60_000, idle: 30, all: 60_000 }, /nothing was heard/],
    ['come byte by byte', { total: 60, idle: 60_000, all: 60_000 }, /not over after|in time/],
    ['are too slow together', { total: 60_000, idle: 60_000, all: 60 }, /not there after/],
  ])('end the job when they %s', async (_what, limits, message) => {
    const { url } = await serve((_request, response) => {
      response.write(PNG.subarray(0, 20));
      const timer = setInterval(() => response.write(Buffer.alloc(1)), 200);
      response.on('close', () => clearInterval(timer));
    });
    await expect(
      fetchInputs(['127.0.0.1'], limits)(JOB, [image({ url })], goOn),
    ).rejects.toMatchObject({
      code: 'input_unavailable',
      retryable: false,
      message: expect.stringMatching(message) as string,
    });
  });

  it('are never fetched from addresses that connections may not go to', async () => {
    const { url, asked } = await serve((_request, response) => response.end(PNG));
    await expect(fetchInputs([])(JOB, [image({ url })], goOn)).rejects.toMatchObject({
      code: 'input_unavailable',
    });
    expect(asked).toEqual([]);
  });

  it('that cannot be stored are tried again later: that is no fault of theirs', async () => {
    const { url } = await serve((_request, response) => response.end(PNG));
    store = { ...store, put: () => Promise.reject(new Error('disk')) };
    await expect(fetchInputs()(JOB, [image({ url })], goOn)).rejects.toThrow('disk');
  });

  it('stop with the activity', async () => {
    const { url } = await serve(() => undefined);
    const stop = new AbortController();
    const fetching = fetchInputs()(JOB, [image({ url })], stop.signal);
    stop.abort(new Error('told to stop'));
    await expect(fetching).rejects.toThrow();
  });
});
