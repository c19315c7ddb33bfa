/** The API on a real PostgreSQL, with Temporal left out: acceptance, batches, and a database that goes away. */
import { randomBytes, randomUUID } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createApp } from '../../src/api/app.ts';
import { unlimited } from '../../src/api/unlimited.test-support.ts';
import type { ApiDeps } from '../../src/api/deps.ts';
import { createQueueView } from '../../src/client/queue-view.ts';
import { createOrchestrator } from '../../src/client/orchestrator.ts';
import type { JobStatus, JobStatusCollection } from '../../src/contract/v1/job-status.ts';
import { createBlobRecords } from '../../src/db/blobs.ts';
import { connectDatabase, type Sql } from '../../src/db/connect.ts';
import { createFleetReader } from '../../src/db/fleet.ts';
import { createFleetReports } from '../../src/db/fleet-reports.ts';
import { createDependencies } from '../../src/db/dependencies.ts';
import { createJobListings } from '../../src/db/job-listings.ts';
import { createProgressStore } from '../../src/db/job-progress.ts';
import { createFleetOperations } from '../../src/db/fleet-operations.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import { createCallbackLog } from '../../src/db/callback-log.ts';
import { createCallbackSecrets } from '../../src/db/callback-secrets.ts';
import { createUploadStore } from '../../src/db/kept-files.ts';
import { createKeyStore } from '../../src/db/keys.ts';
import { createLeaseReads } from '../../src/db/lease-reads.ts';
import { createQueueSnapshots } from '../../src/db/queue-snapshot.ts';
import { createResourceStore } from '../../src/db/resources.ts';
import { seedCatalogue } from '../../src/db/seed-catalogue.ts';
import { createGraphStore } from '../../src/db/job-graphs.ts';
import { createTaints } from '../../src/db/taints.ts';
import { createAddressRules } from '../../src/net/address-rules.ts';
import { createOutgoing } from '../../src/net/outgoing.ts';
import { silentMetrics } from '../../src/metrics/silent-metrics.ts';
import type { Logger } from '../../src/ports.ts';
import { createCursorSigner } from '../../src/storage/cursor-signer.ts';
import { createTransferSigner } from '../../src/storage/transfer-signer.ts';
import { createUrlSigner } from '../../src/storage/url-signer.ts';
import { silentTracer } from '../../src/tracing/silent-tracer.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

/** A way to the database that can be cut and mended. */
async function openProxy(target: URL) {
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let port = 0;
  const mend = async (): Promise<void> => {
    server = createServer((client) => {
      const upstream = connect(Number(target.port), target.hostname);
      for (const socket of [client, upstream]) {
        sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          sockets.delete(socket);
          client.destroy();
          upstream.destroy();
        });
      }
      client.pipe(upstream).pipe(client);
    });
    await new Promise<void>((resolve) => server?.listen(port, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  };
  const cut = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server?.close(resolve));
  };
  await mend();
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return { url: url.href, cut, mend };
}

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

function apiOn(sql: Sql, AUTH: 'open' | 'keys') {
  const jobs = createJobStore(sql);
  const orchestrator = createOrchestrator({
    requireStorage: async () => undefined,
    jobs,
    outbox: { markStarted: async () => undefined },
    taints: createTaints(sql),
    runs: { start: async () => undefined, cancel: async () => undefined } as never,
    events: { listEvents: async () => [] },
    recentEnds: async () => [],
    waiter: { waitForEnd: async ({ load }: { load: () => Promise<never> }) => load() } as never,
    wakeups: { wake: () => undefined },
    pool: 'default',
    jobLifetimeMs: 86_400_000,
    maxAttempts: 5,
    logger: silent,
    metrics: silentMetrics,
  });
  const deps: ApiDeps = {
    config: {
      AUTH,
      MAX_BODY_BYTES: 10_000_000,
      WAIT_LIMIT_MS: 100,
      RESULT_SHAPE: 'auto',
      PROVIDER_NAME: undefined,
      PUBLIC_URL: undefined,
      TIME_LIMITS: undefined,
      MIN_FREE_BYTES: 0,
      NODE_ENV: 'test',
      WORKER_KEY: undefined,
      WORKER_KEYS: undefined,
      MAX_OUTPUT_BYTES: 1_000_000,
      BLOB_RETENTION_DAYS: 30,
      COMFY_POOL: 'default',
    },
    orchestrator,
    ...unlimited,
    resources: createResourceStore(sql),
    keys: createKeyStore(sql),
    graphs: createGraphStore(sql),
    outgoing: createOutgoing(createAddressRules([])),
    blobs: createBlobRecords(sql),
    callbacks: {
      log: createCallbackLog(sql),
      secrets: createCallbackSecrets(sql, 'a-key-for-these-tests'),
      wake: () => undefined,
    },
    uploads: createUploadStore(sql),
    fleet: createFleetReader(sql),
    fleetOperations: createFleetOperations(sql),
    fleetReports: createFleetReports(sql, { goneAfterSeconds: 60 }),
    progress: createProgressStore(sql),
    listings: createJobListings(sql),
    dependencies: createDependencies(sql),
    queue: createQueueView({
      readSnapshot: createQueueSnapshots(sql, 300_000),
      recentEnds: async () => [],
      policies: async () => () => ({ weight: 1, maxRunning: undefined }),
      priorityAgeMs: 300_000,
      now: () => new Date(),
    }),
    onFleetReport: () => undefined,
    storage: {
      put: async () => ({ bytes: 0, sha256: '' }),
      open: async () => Readable.from([]),
      delete: async () => undefined,
      freeBytes: async () => undefined,
    },
    cursors: createCursorSigner('a-key-for-these-tests'),
    leases: createLeaseReads(sql),
    transferSigner: createTransferSigner({ key: 'a-key-for-these-tests', now: () => new Date() }),
    signer: createUrlSigner({
      key: 'a-key-for-these-tests',
      ttlSeconds: 60,
      now: () => new Date(),
    }),
    ready: async () => ({}),
    logger: silent,
    metrics: silentMetrics,
    tracer: silentTracer,
    now: () => new Date(),
    randomHex: (bytes) => randomBytes(bytes).toString('hex'),
    newId: randomUUID,
  };
  return createApp(deps);
}

const JOBS = '/v1/consumer/jobs';
const job = (change: object = {}) => ({
  model: 'urn:air:sdxl:checkpoint:civitai:101055@128078',
  params: { prompt: 'a fox', width: 512, height: 512 },
  properties: { note: 'größe 🦊' },
  ...change,
});
const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await seedCatalogue(createResourceStore(database.sql), 'local');
});
afterAll(() => database.drop());

const countJobs = async (): Promise<number> => {
  const [row] = await database.sql<{ n: number }[]>`select count(*) as n from jobs`;
  return row?.n ?? 0;
};

describe('the API on PostgreSQL', () => {
  it('stores a batch of 1,000 and reads and cancels it by its token', async () => {
    const app = apiOn(database.sql, 'open');
    const before = await countJobs();
    const made = (await (
      await app.request(
        JOBS,
        post({ jobs: Array.from({ length: 10 }, () => job({ quantity: 100 })) }),
      )
    ).json()) as JobStatusCollection;
    expect(made.jobs).toHaveLength(1000);
    expect((await countJobs()) - before).toBe(1000);
    const query = `?token=${encodeURIComponent(made.token)}`;
    const read = (await (await app.request(JOBS + query)).json()) as JobStatusCollection;
    expect(read.jobs.map((one) => one.jobId)).toEqual(made.jobs.map((one) => one.jobId));
    const gone = (await (
      await app.request(JOBS + query, { method: 'DELETE' })
    ).json()) as JobStatusCollection;
    expect(gone.jobs.every((one) => one.lastEvent.type === 'Deleted')).toBe(true);
  });

  it('keeps request and properties as they were sent', async () => {
    const app = apiOn(database.sql, 'open');
    const { jobId } = (await (await app.request(JOBS, post(job()))).json()) as JobStatusCollection;
    const read = (await (await app.request(`${JOBS}/${jobId}?detailed=true`)).json()) as JobStatus;
    expect(read.properties).toEqual({ note: 'größe 🦊' });
    expect(read.job).toMatchObject({
      baseModel: 'SDXL',
      params: { width: 512, scheduler: 'EulerA' },
    });
  });

  it('accepts once for two requests at the same time with one Idempotency-Key', async () => {
    const app = apiOn(database.sql, 'open');
    const before = await countJobs();
    const headers = { 'idempotency-key': randomUUID() };
    const answers = await Promise.all(
      [1, 2, 3].map(async () => app.request(JOBS, post(job(), headers))),
    );
    const ids = await Promise.all(
      answers.map(async (answer) => ((await answer.json()) as JobStatusCollection).jobId),
    );
    expect(new Set(ids).size).toBe(1);
    expect((await countJobs()) - before).toBe(1);
  });

  it('keeps tenants apart and stops a revoked key within seconds', async () => {
    const app = apiOn(database.sql, 'keys');
    const keys = createKeyStore(database.sql);
    const alice = await keys.createKey('alice', 'a');
    const bob = await keys.createKey('bob', 'b');
    await seedCatalogue(createResourceStore(database.sql), 'alice');
    const as = (key: string) => ({ authorization: `Bearer ${key}` });
    const made = await app.request(JOBS, post(job(), as(alice.key)));
    const { jobId, token } = (await made.json()) as JobStatusCollection;
    for (const path of [
      `${JOBS}/${jobId}`,
      `${JOBS}?token=${encodeURIComponent(token)}`,
      `${JOBS}/${jobId}/events`,
    ]) {
      expect((await app.request(path, { headers: as(alice.key) })).status).toBe(200);
      expect((await app.request(path, { headers: as(bob.key) })).status).toBe(404);
    }
    // Bob's catalogue is empty, so what Alice has is unknown to him.
    expect((await app.request(JOBS, post(job(), as(bob.key)))).status).toBe(400);
    await keys.revokeKey(alice.info.id);
    await vi.waitFor(
      async () => {
        const answer = await app.request(`${JOBS}/${jobId}`, { headers: as(alice.key) });
        expect(answer.status).toBe(401);
      },
      { timeout: 10_000, interval: 200 },
    );
  });

  it('answers 503 with Retry-After while the database is gone, stores nothing, and recovers by itself', async () => {
    const proxy = await openProxy(new URL(database.url));
    const sql = connectDatabase({ url: proxy.url, maxConnections: 2, applicationName: 'cut' });
    try {
      const app = apiOn(sql, 'open');
      expect((await app.request(JOBS, post(job()))).status).toBe(202);
      const before = await countJobs();
      await proxy.cut();
      for (const answer of [
        await app.request(JOBS, post(job())),
        await app.request(JOBS, post(job(), { 'idempotency-key': randomUUID() })),
        await app.request(`${JOBS}/${randomUUID()}`),
        await app.request('/v2/resources'),
      ]) {
        expect(answer.status, await answer.clone().text()).toBe(503);
        expect(answer.headers.get('retry-after')).toBe('5');
        expect(await answer.json()).toMatchObject({ code: 'unavailable' });
      }
      expect(await countJobs()).toBe(before);
      await proxy.mend();
      await vi.waitFor(
        async () => expect((await app.request(JOBS, post(job()))).status).toBe(202),
        { timeout: 10_000, interval: 200 },
      );
    } finally {
      await sql.end({ timeout: 1 });
      await proxy.cut();
    }
  });
});
