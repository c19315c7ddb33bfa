import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { KeyHolder } from '../db/keys.ts';
import type { KeptFile, UploadJob } from '../db/kept-files.ts';
import { createLocalStore } from '../storage/local.ts';
import { createApp } from './app.ts';
import { createUploadLinks } from './blob-links.ts';
import { blobRecord, createTestApi, KEYS, type TestApi } from './test-api.test-support.ts';

const JOB = '37d9d863-7928-41c1-bc83-626c00995137';

let folder: string;
let api: TestApi;
let app: ReturnType<typeof createApp>;
let kept: KeptFile[];
let answer: string[] | undefined;
let upload: UploadJob | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'uploads-'));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(() => {
  api = createTestApi({ AUTH: 'keys', MAX_OUTPUT_BYTES: 1_000 });
  kept = [];
  answer = [];
  upload = {
    tenant: 'alice',
    task: { operation: 'blobUpload', key: 'fox', replace: false },
    result: { blobs: [{ key: 'fox', id: 'NAMED' }] },
  };
  app = createApp({
    ...api.deps,
    storage: createLocalStore(folder),
    uploads: {
      findUpload: async (jobId) => (jobId === JOB ? upload : undefined),
      keepFile: async (file) => {
        kept.push(file);
        return answer;
      },
    },
  });
});

/** The path of a link that ends in so many seconds. */
const linkOf = (jobId = JOB, seconds = 60): string => {
  const until = new Date(api.clock.getTime() + seconds * 1_000);
  const links = createUploadLinks(api.deps.signer, 'http://localhost');
  const url = new URL(links({} as never)(jobId, until));
  return `${url.pathname}${url.search}`;
};
const put = (path: string, body: RequestInit['body'], headers: Record<string, string> = {}) =>
  app.request(path, { method: 'PUT', body: body ?? null, headers, duplex: 'half' });
const filesThere = async (): Promise<number> => {
  let count = 0;
  for await (const _file of createLocalStore(folder).list()) count += 1;
  return count;
};

describe('an upload', () => {
  it('is kept for the tenant of its job, as its sender says and under the name that was asked for', async () => {
    const response = await put(linkOf(), 'bytes', { 'content-type': 'Image/PNG; q=1' });
    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({ blobKey: 'fox', available: true, bytes: 5 });
    expect(kept).toMatchObject([
      { id: 'NAMED', tenant: 'alice', jobId: JOB, contentType: 'image/png', replace: false },
    ]);
    await put(linkOf(), 'bytes', { 'content-type': 'text/html\u00a0x' });
    expect(kept[1]?.contentType).toBe('application/octet-stream');
  });

  it('stores nothing of a body that breaks off or is too large, and takes the file afterwards', async () => {
    const before = await filesThere();
    const broken = new ReadableStream({
      pull(controller) {
        controller.error(new Error('broke off'));
      },
    });
    await Promise.resolve(put(linkOf(), broken)).catch(() => undefined);
    expect((await put(linkOf(), 'x'.repeat(1_001))).status).toBe(413);
    expect(kept).toEqual([]);
    expect(await filesThere()).toBe(before);
    expect((await put(linkOf(), 'x'.repeat(1_000))).status).toBe(201);
  });

  it('of a file that may not be replaced leaves nothing behind', async () => {
    answer = undefined;
    const before = await filesThere();
    const response = await put(linkOf(), 'bytes');
    expect(response.status).toBe(409);
    expect(((await response.json()) as { code: string }).code).toBe('conflict');
    expect(await filesThere()).toBe(before);
  });

  it('is refused with a link that ended, one of another job, and none', async () => {
    const refused = async (path: string): Promise<number> => (await put(path, 'x')).status;
    expect(await refused(linkOf(JOB, -1))).toBe(403);
    const other = '37d9d863-7928-41c1-bc83-626c00995138';
    expect(await refused(linkOf().replace(JOB, other))).toBe(403);
    expect(await refused(linkOf(other))).toBe(404);
    expect(await refused(`/v2/consumer/blobs/uploads/${JOB}`)).toBe(403);
    expect(kept).toEqual([]);
  });

  it('is refused while the disk is nearly full', async () => {
    app = createApp({
      ...api.deps,
      uploads: { findUpload: async () => upload, keepFile: async () => [] },
      storage: { ...createLocalStore(folder), freeBytes: async () => 10 },
    });
    expect((await put(linkOf(), 'x')).status).toBe(503);
  });

  it('cannot be asked for then, while a deletion can', async () => {
    api = createTestApi();
    api.freeBytes = 10;
    api.blobs.set('A.png', blobRecord('A.png'));
    const posted = async (body: object): Promise<number> =>
      (await api.send('POST', '/v1/consumer/jobs', body)).status;
    expect(await posted({ $type: 'blobUpload' })).toBe(503);
    expect(await posted({ $type: 'blobDelete', key: 'A.png' })).toBe(202);
    expect([...api.orchestrator.rows.values()]).toMatchObject([
      { class: 'task', pool: '-', cost: 0, generation: { operation: 'blobDelete', key: 'A.png' } },
    ]);
  });

  it('and other work on files needs a key that may do that', async () => {
    api.blobs.set('A.png', blobRecord('A.png', 'alice'));
    const scoped = { ...api.keys.get(KEYS.alice), scopes: ['jobs:write', 'blobs:read'] };
    api.keys.set(KEYS.alice, scoped as KeyHolder);
    const posted = async ($type: string): Promise<number> => {
      const headers = { authorization: `Bearer ${KEYS.alice}` };
      return (await api.send('POST', '/v1/consumer/jobs', { $type, key: 'A.png' }, headers)).status;
    };
    expect(await posted('blobGet')).toBe(202);
    for (const type of ['blobUpload', 'blobPin', 'blobUnpin', 'blobDelete'])
      expect(await posted(type), type).toBe(403);
  });
});
