import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRunTask } from '../../src/activities/run-task.ts';
import { createBlobRecords } from '../../src/db/blobs.ts';
import { createClosing } from '../../src/db/closing.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import type { NewJobRow } from '../../src/db/job-row.ts';
import { createUploadStore } from '../../src/db/kept-files.ts';
import { createRecentEnds } from '../../src/db/recent-ends.ts';
import { createResourceStore } from '../../src/db/resources.ts';
import { createRunStore } from '../../src/db/runs.ts';
import { createTaskStore } from '../../src/db/task-store.ts';
import { NO_ECOSYSTEM, NO_POOL, type Task, type TaskResult } from '../../src/domain/task.ts';
import { OrchestratorError } from '../../src/errors.ts';
import type { BlobStore } from '../../src/ports.ts';
import { createLocalStore } from '../../src/storage/local.ts';
import { namedBlobId } from '../../src/storage/upload-keys.ts';
import { silentLogger } from '../../src/telemetry.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newJobRow } from '../support/jobs.ts';

let database: TestDatabase;
let dir: string;
let storage: BlobStore;
/** Bytes that were sent away. */
let sent: string[];
/** Thrown by the next PUTs. */
let faults: OrchestratorError[];

beforeAll(async () => {
  database = await createTestDatabase();
  dir = await mkdtemp(join(tmpdir(), 'tasks-'));
  storage = createLocalStore(dir);
});
afterAll(async () => {
  await database.drop();
  await rm(dir, { recursive: true });
});
beforeEach(async () => {
  sent = [];
  faults = [];
  await database.sql`delete from jobs`;
  await database.sql`delete from blobs`;
});

const taskRow = (task: Task, change: Partial<NewJobRow> = {}): NewJobRow => ({
  ...newJobRow(),
  ...{ type: task.operation, class: 'task', pool: NO_POOL, ecosystem: NO_ECOSYSTEM, cost: 0 },
  generation: task,
  ...change,
});

async function insertTask(task: Task, tenant = 'local'): Promise<string> {
  const row = taskRow(task, { tenant });
  await createJobStore(database.sql).insertJobs([row]);
  return row.id;
}

/** A try of a task, in the run of Temporal that the environment makes up. */
async function run(
  jobId: string,
  change: Partial<Parameters<typeof createRunTask>[0]> = {},
  heartbeatDetails?: unknown,
): Promise<TaskResult> {
  const { sql } = database;
  const runTask = createRunTask({
    tasks: createTaskStore(sql, createRunStore(sql)),
    storage,
    fleet: { fresh: async () => [] },
    resources: createResourceStore(sql),
    outgoing: {
      async put(_url, { body }) {
        const chunks: Buffer[] = [];
        for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk);
        sent.push(Buffer.concat(chunks).toString());
        const fault = faults.shift();
        if (fault) throw fault;
      },
    },
    linkMs: 3_600_000,
    blobRetentionDays: 30,
    logger: silentLogger,
    ...change,
  });
  const environment = new MockActivityEnvironment(
    { heartbeatDetails, scheduledTimestampMs: Date.parse('2030-01-01T00:00:00Z') },
    { logger: new DefaultLogger('ERROR') },
  );
  const traceId = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00';
  const input = { jobId, tenant: 'not looked at', traceId, maxAttempts: 2 };
  return environment.run<[typeof input], TaskResult, typeof runTask>(runTask, input);
}

/** A finished job of one output, with its file. */
async function drawnJob(tenant = 'local'): Promise<{ jobId: string; blobKey: string }> {
  const row = newJobRow({ tenant });
  await createJobStore(database.sql).insertJobs([row]);
  const blobKey = `${row.id.slice(0, 8)}.png`;
  const stored = await storage.put(`outputs/${blobKey}`, Buffer.from(`bytes of ${blobKey}`));
  await createBlobRecords(database.sql).putBlobs([
    {
      ...{ id: blobKey, tenant, jobId: row.id, storageKey: `outputs/${blobKey}`, ...stored },
      ...{ contentType: 'image/png', expiresAt: new Date(Date.now() + 86_400_000) },
    },
  ]);
  const outputs = [{ blobKey, contentType: 'image/png', bytes: stored.bytes }];
  await database.sql`
    update jobs set state = 'succeeded', finished_at = now(), outputs = ${database.sql.json(outputs)}
    where id = ${row.id}`;
  return { jobId: row.id, blobKey };
}

const blobIds = async (): Promise<string[]> =>
  (await database.sql<{ id: string }[]>`select id from blobs order by id`).map(({ id }) => id);

describe('a second try of a task, after the first did its work and was lost', () => {
  it('of a deletion gives the same result, and deletes bytes that the first left', async () => {
    const { blobKey, jobId: made } = await drawnJob();
    const jobId = await insertTask({ operation: 'blobDelete', key: blobKey });
    const killed = new Error('killed between row and bytes');
    const broken = { ...storage, delete: () => Promise.reject(killed) };
    await expect(run(jobId, { storage: broken })).rejects.toThrow(killed.message);
    expect(await storage.stat(`outputs/${blobKey}`)).toBeDefined();
    const expected = { blobs: [{ key: blobKey, id: blobKey }] };
    expect(await run(jobId)).toEqual(expected);
    expect(await run(jobId)).toEqual(expected);
    expect(await storage.stat(`outputs/${blobKey}`)).toBeUndefined();
    const [row] = await database.sql`select outputs from jobs where id = ${made}`;
    expect(row?.['outputs']).toMatchObject([{ blobKey, isGone: true }]);
  });

  it('of a clearing, a link, an upload and a pin gives the same result', async () => {
    const { jobId: made, blobKey } = await drawnJob();
    const tasks: Task[] = [
      { operation: 'blobGet', key: blobKey, linkMs: 60_000 },
      { operation: 'blobUpload', replace: false },
      { operation: 'blobPin', key: blobKey },
      { operation: 'copyAsset', ofJob: made, destination: { key: 'a copy' } },
      { operation: 'clearAssets', ofJob: made },
    ];
    for (const task of tasks) {
      const jobId = await insertTask(task);
      const first = await run(jobId);
      expect(await run(jobId), task.operation).toEqual(first);
    }
    expect(await blobIds()).toEqual([namedBlobId('local', 'a copy')]);
  });

  it('of a copy to another machine sends nothing once the first was noted', async () => {
    const { jobId: made, blobKey } = await drawnJob();
    const destination = { url: 'https://example.org/a' };
    const jobId = await insertTask({ operation: 'copyAsset', ofJob: made, destination });
    await run(jobId);
    await run(jobId);
    expect(sent).toEqual([`bytes of ${blobKey}`]);
  });
});

describe('a task', () => {
  it('knows nothing of the files and jobs of another tenant', async () => {
    const { jobId: made, blobKey } = await drawnJob('alice');
    const destination = { key: 'mine now' };
    const tasks: Task[] = [
      { operation: 'blobGet', key: blobKey },
      { operation: 'blobPin', key: blobKey },
      { operation: 'blobUnpin', key: blobKey },
      { operation: 'blobDelete', key: blobKey },
      { operation: 'clearAssets', ofJob: made },
      { operation: 'copyAsset', ofJob: made, destination },
    ];
    for (const task of tasks)
      await expect(run(await insertTask(task, 'bob')), task.operation).rejects.toMatchObject({
        code: 'not_found',
      });
    expect(await blobIds()).toEqual([blobKey]);
  });

  it('lets two tenants use one name for their files, and no name of a file that a job made', async () => {
    const { blobKey } = await drawnJob();
    const upload = async (tenant: string, key: string): Promise<string | undefined> =>
      (await run(await insertTask({ operation: 'blobUpload', key, replace: true }, tenant)))
        .blobs[0]?.id;
    const ids = [await upload('alice', 'fox'), await upload('bob', 'fox')];
    expect(new Set(ids).size).toBe(2);
    expect(await upload('alice', 'fox')).toBe(ids[0]);
    await expect(upload('local', blobKey)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('does nothing for a job that was cancelled, or ended while it worked', async () => {
    const { blobKey } = await drawnJob();
    const task = { operation: 'blobDelete', key: blobKey } as const;
    const canceled = await insertTask(task);
    await createJobStore(database.sql).requestCancel('local', [canceled]);
    await expect(run(canceled)).rejects.toMatchObject({ code: 'conflict' });

    const tasks = createTaskStore(database.sql, createRunStore(database.sql));
    const ended = await insertTask(task);
    await tasks.begin(ended, 'a-run');
    await database.sql`update jobs set state = 'canceled', finished_at = now() where id = ${ended}`;
    await expect(
      tasks.once(ended, () => tasks.deleteBlobs(database.sql, [blobKey]) as never),
    ).rejects.toMatchObject({ code: 'conflict' });
    expect(await blobIds()).toEqual([blobKey]);
  });

  it('counts failures of the receiver over its tries, and no others', async () => {
    const { jobId: made } = await drawnJob();
    const destination = { url: 'https://example.org/a' };
    const jobId = await insertTask({ operation: 'copyAsset', ofJob: made, destination });
    const busy = new OrchestratorError('fetch_failed', 'answered 503.', { retryable: true });
    faults = [busy, busy, busy];
    await expect(run(jobId)).rejects.toMatchObject({ code: 'fetch_failed', retryable: true });
    await expect(run(jobId, {}, 1)).rejects.toMatchObject({
      code: 'attempts_exhausted',
      retryable: false,
    });
    const broken = { ...storage, open: () => Promise.reject(new Error('disk')) };
    await expect(run(jobId, { storage: broken }, 1)).rejects.toThrow('disk');
  });

  it('with several outputs to copy asks for a name, and finds it by key, stem or number', async () => {
    const { jobId: made, blobKey } = await drawnJob();
    const other = await drawnJob();
    await database.sql`
      update jobs set outputs = outputs || (select outputs from jobs where id = ${other.jobId}) where id = ${made}`;
    const copy = async (asset?: string): Promise<TaskResult> => {
      const destination = { key: 'a copy' };
      const named = asset === undefined ? {} : { asset };
      return run(await insertTask({ operation: 'copyAsset', ofJob: made, destination, ...named }));
    };
    await expect(copy()).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(copy('2')).rejects.toMatchObject({ code: 'not_found' });
    for (const asset of [blobKey, blobKey.replace('.png', ''), '1']) await copy(asset);
    const [row] = await database.sql<{ storageKey: string }[]>`
      select storage_key from blobs where id = ${namedBlobId('local', 'a copy')}`;
    // The copies before it left nothing behind.
    const files: string[] = [];
    for await (const { key } of storage.list()) if (key.startsWith('uploads/')) files.push(key);
    expect(files).toContain(row?.storageKey);
    expect(await storage.stat(row?.storageKey ?? '')).toBeDefined();
  });

  it('about a model waits while no server answers, and fails when the file is gone', async () => {
    const model = 'urn:air:sd1:checkpoint:civitai:4384@128713';
    const details = {};
    await createResourceStore(database.sql)
      .insertResource('local', { air: model, modelName: 'm', type: 'checkpoint', details })
      .catch(() => undefined);
    const jobId = await insertTask({ operation: 'prepareModel', model });
    await expect(run(jobId)).rejects.toMatchObject({
      code: 'resource_unavailable',
      retryable: true,
    });
    const server = {
      ...{ id: 'a', pool: 'default', room: 1, reachable: true, draining: false },
      ...{ ecosystems: null, vramBytes: null },
    };
    const withFiles = (checkpoints: readonly string[]) => ({
      fleet: {
        fresh: async () => [
          { ...server, lists: { files: { checkpoints }, nodeClasses: new Set<string>() } },
        ],
      },
    });
    await expect(run(jobId, withFiles([]))).rejects.toMatchObject({ code: 'model_missing' });
    expect(await run(jobId, withFiles(['128713.safetensors']))).toEqual({
      blobs: [],
      servers: ['a'],
    });
  });

  it('is not counted among the ends that estimates for servers are made of', async () => {
    const jobId = await insertTask({ operation: 'blobUpload', replace: false });
    await run(jobId);
    await database.sql`update jobs set state = 'succeeded', finished_at = now() where id = ${jobId}`;
    expect(await createRecentEnds(database.sql)()).toEqual([]);
  });

  it('that a restored database forgot ends with what its history says', async () => {
    const jobId = await insertTask({ operation: 'blobUpload', replace: false });
    await createTaskStore(database.sql, createRunStore(database.sql)).begin(jobId, 'a-run');
    const told = { blobs: [{ key: 'a', id: 'a' }] };
    const closing = createClosing(database.sql);
    expect(await closing.endRun(jobId, 'a-run', 'succeeded', undefined, told)).toBe(true);
    expect((await createJobStore(database.sql).findJob('local', jobId))?.taskResult).toEqual(told);
  });
});

describe('an upload', () => {
  const file = (jobId: string, change: { replace?: boolean; storageKey?: string } = {}) => ({
    ...{ id: 'NAMED', tenant: 'local', jobId, storageKey: `uploads/${randomUUID()}`, bytes: 3 },
    ...{ sha256: 'x', contentType: 'image/png', replace: false, retentionDays: 30, ...change },
  });

  it('replaces its own file, another one only when it may, and keeps a pin', async () => {
    const uploads = createUploadStore(database.sql);
    const keep = (kept: ReturnType<typeof file>) => uploads.keepFile(kept, undefined);
    const first = await insertTask({ operation: 'blobUpload', replace: false });
    const second = await insertTask({ operation: 'blobUpload', replace: false });
    expect(await keep(file(first, { storageKey: 'uploads/a' }))).toEqual([]);
    expect(await keep(file(first, { storageKey: 'uploads/b' }))).toEqual(['uploads/a']);
    expect(await keep(file(second))).toBeUndefined();
    await database.sql`update blobs set expires_at = 'infinity'`;
    expect(await keep(file(second, { replace: true }))).toEqual(['uploads/b']);
    const [row] = await database.sql`select expires_at::text as end from blobs`;
    expect(row?.['end']).toBe('infinity');
    expect(await createBlobRecords(database.sql).listExpiredBlobs(10)).toEqual([]);
  });
});
