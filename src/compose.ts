/** Puts the parts together: the only file that knows every adapter. */
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import type { ApiDeps } from './api/deps.ts';
import { createEventReader } from './client/event-reader.ts';
import { createJobRuns, type JobRuns } from './client/job-runs.ts';
import { createJobWaiter } from './client/job-waiter.ts';
import { createOrchestrator } from './client/orchestrator.ts';
import { createReadiness } from './client/readiness.ts';
import { readRunHistory } from './client/run-history.ts';
import { connectTemporal, connectionOptions, type TemporalConfig } from './client/temporal.ts';
import type { Config } from './config.ts';
import { createBlobRecords } from './db/blobs.ts';
import { createClosing } from './db/closing.ts';
import { createCollectorStore } from './db/collector-store.ts';
import { connectDatabase, type Sql } from './db/connect.ts';
import { createFleetReports } from './db/fleet-reports.ts';
import { createJobStore } from './db/jobs.ts';
import { createKeyStore } from './db/keys.ts';
import { createLeaseStore } from './db/leases.ts';
import { migrate } from './db/migrate.ts';
import { createOutbox } from './db/outbox.ts';
import { createPrepareReads } from './db/prepare-reads.ts';
import { createResourceStore } from './db/resources.ts';
import { createRunStore } from './db/runs.ts';
import { seedCatalogue } from './db/seed-catalogue.ts';
import { createServerStore } from './db/servers.ts';
import { blobSigningKey, createSettingsStore } from './db/settings.ts';
import { createSnapshotStore } from './db/snapshots.ts';
import { createWakeups, type Wakeups } from './db/wakeups.ts';
import { OrchestratorError } from './errors.ts';
import { createComfyExecutor } from './executors/comfyui/executor.ts';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import type { BlobStore, FleetReporter, Logger } from './ports.ts';
import { createLocalStore } from './storage/local.ts';
import { createUrlSigner } from './storage/url-signer.ts';
import { createCloser } from './workers/closer.ts';
import { createCollector } from './workers/collector.ts';
import { createCpuWorkers } from './workers/cpu-worker.ts';
import { createFleetWatch } from './workers/fleet-watch.ts';
import { createGpuWorker } from './workers/gpu-worker.ts';
import { createStarter } from './workers/starter.ts';

/** How often a server is asked how it is. */
const PROBE_EVERY_MS = 5_000;

/** Connections and stores that the roles of one process share. */
export interface Base {
  readonly config: Config;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  readonly client: Client;
  readonly temporal: TemporalConfig;
  readonly runs: JobRuns;
  readonly storage: BlobStore;
}

export interface DatabaseBase extends Base {
  readonly sql: Sql;
  readonly wakeups: Wakeups;
}

/** Where the blobs lie. */
export const blobDir = (config: Pick<Config, 'BLOB_DIR' | 'DATA_DIR'>): string =>
  config.BLOB_DIR ?? join(config.DATA_DIR, 'blobs');

/** Opens what every role needs. Throws `configuration` when there is no Temporal address. */
export function composeBase(config: Config, logger: Logger): Base {
  if (config.TEMPORAL_ADDRESS === undefined)
    throw new OrchestratorError(
      'configuration',
      'TEMPORAL_ADDRESS is not set. Set it (TEMPORAL_ADDRESS=localhost:7233), or run `npm start`, which brings a Temporal server of its own.',
    );
  const lifecycle = createLifecycle(logger);
  const temporal = { ...config, TEMPORAL_ADDRESS: config.TEMPORAL_ADDRESS };
  const client = lifecycle.add('temporal client', connectTemporal(temporal), (open) =>
    open.connection.close(),
  );
  const runs = createJobRuns(client, {
    priorityAgeMs: config.PRIORITY_AGE_SECONDS * 1_000,
    serverLostAfterMs: config.SERVER_LOST_AFTER_SECONDS * 1_000,
  });
  const storage = createLocalStore(blobDir(config));
  return { config, logger, lifecycle, client, temporal, runs, storage };
}

/** Opens the database beside it and brings its schema up to date. Throws `configuration` without DATABASE_URL. */
export async function composeDatabase(base: Base, role: string): Promise<DatabaseBase> {
  const { config, logger, lifecycle } = base;
  if (config.DATABASE_URL === undefined)
    throw new OrchestratorError(
      'configuration',
      'DATABASE_URL is not set. Set it (DATABASE_URL=postgres://user:password@localhost:5432/orchestrator), or run `npm start`, which brings a PostgreSQL of its own.',
    );
  const sql = lifecycle.add(
    'database',
    connectDatabase({
      url: config.DATABASE_URL,
      maxConnections: config.DATABASE_POOL,
      applicationName: `orchestrator-${role}`,
    }),
    (open) => open.end({ timeout: 5 }),
  );
  const applied = await migrate(sql);
  if (applied.length > 0)
    logger.info({ migrations: applied }, 'database schema brought up to date');
  const wakeups = lifecycle.add('wake-ups', await createWakeups(sql, logger), (open) =>
    open.close(),
  );
  return { ...base, sql, wakeups };
}

/** What the API needs. */
export async function composeApi(base: DatabaseBase): Promise<ApiDeps> {
  const { config, sql, logger, wakeups, client, storage, lifecycle } = base;
  const resources = createResourceStore(sql);
  if (config.AUTH === 'open' && config.SEED_CATALOGUE) {
    const seeded = await seedCatalogue(resources, 'local');
    if (seeded > 0) logger.info({ resources: seeded }, 'sample catalogue stored');
  }
  const snapshots = createSnapshotStore(sql);
  const orchestrator = lifecycle.add(
    'starts under way',
    createOrchestrator({
      jobs: createJobStore(sql),
      outbox: createOutbox(sql),
      runs: base.runs,
      events: createEventReader({
        snapshots,
        readHistory: (jobId) => readRunHistory(client, jobId),
      }),
      waiter: createJobWaiter(wakeups),
      wakeups,
      pool: config.COMFY_POOL,
      jobLifetimeMs: config.JOB_LIFETIME_HOURS * 3_600_000,
      maxAttempts: config.JOB_MAX_ATTEMPTS,
      logger,
    }),
    (open) => open.drain(),
  );
  const servers = createServerStore(sql);
  const now = (): Date => new Date();
  return {
    config,
    orchestrator,
    resources,
    keys: createKeyStore(sql),
    blobs: createBlobRecords(sql),
    servers,
    fleetReports: composeFleetReports(base),
    onFleetReport: () => wakeups.wake('room'),
    storage,
    signer: createUrlSigner({
      key: await blobSigningKey(createSettingsStore(sql), config.BLOB_SIGNING_KEY),
      ttlSeconds: config.BLOB_URL_TTL_SECONDS,
      now,
    }),
    ready: createReadiness({ sql, client, servers, storage, minFreeBytes: config.MIN_FREE_BYTES }),
    logger,
    now,
    randomHex: (bytes) => randomBytes(bytes).toString('hex'),
    newId: randomUUID,
  };
}

/** Connection of the workers; lives as long as the process. */
export async function composeWorkerConnection(base: Base): Promise<NativeConnection> {
  return base.lifecycle.add(
    'temporal worker connection',
    await NativeConnection.connect(connectionOptions(base.temporal)),
    (open) => open.close(),
  );
}

/** The cpu worker with its placer, starter, closer and collector. */
export async function composeCpuWorkers(base: DatabaseBase, connection: NativeConnection) {
  const { config, sql, logger, wakeups, storage, lifecycle, client, runs } = base;
  const leases = createLeaseStore(sql);
  const pollMs = config.SCHEDULER_POLL_MS;
  const cpu = await createCpuWorkers({
    connection,
    namespace: config.TEMPORAL_NAMESPACE,
    pools: [config.COMFY_POOL],
    runs: createRunStore(sql),
    leases,
    reads: createPrepareReads(sql),
    blobs: createBlobRecords(sql),
    storage,
    wakeups,
    placementWindow: config.PLACEMENT_WINDOW,
    pollMs,
    blobRetentionDays: config.BLOB_RETENTION_DAYS,
    logger,
  });
  lifecycle.add('placers', cpu, (open) => open.close());
  const outbox = createOutbox(sql);
  lifecycle.add('starter', createStarter({ outbox, runs, wakeups, pollMs, logger }), (loop) =>
    loop.close(),
  );
  const snapshots = createSnapshotStore(sql);
  const closing = createClosing(sql);
  lifecycle.add(
    'closer',
    createCloser({ client, runs, closing, leases, snapshots, wakeups, pollMs, logger }),
    (loop) => loop.close(),
  );
  lifecycle.add(
    'collector',
    createCollector({
      store: createCollectorStore(sql),
      blobs: createBlobRecords(sql),
      storage,
      everyMs: config.COLLECT_EVERY_SECONDS * 1_000,
      jobRetentionDays: config.JOB_RETENTION_DAYS,
      logger,
    }),
    (loop) => loop.close(),
  );
  return cpu.workers;
}

/** Where a gpu worker's reports go when it has the database anyway. */
export const composeFleetReports = (base: DatabaseBase): FleetReporter =>
  createFleetReports(base.sql);

/** The gpu worker at the configured server, and the watch that reports how it is. */
export async function composeGpuWorkers(
  base: Base,
  connection: NativeConnection,
  reporter: FleetReporter,
  onReport?: () => void,
) {
  const { config, logger, storage, runs, lifecycle } = base;
  if (config.COMFY_HTTP_URL === undefined)
    throw new OrchestratorError(
      'configuration',
      'COMFY_HTTP_URL is not set. Set it (COMFY_HTTP_URL=http://localhost:8188), or run `npm start`, which simulates a server.',
    );
  const executor = lifecycle.add(
    'ComfyUI client',
    createComfyExecutor({
      serverId: config.COMFY_SERVER_ID,
      httpUrl: config.COMFY_HTTP_URL,
      ...(config.COMFY_WS_URL ? { wsUrl: config.COMFY_WS_URL } : {}),
      clientId: randomUUID(),
      logger,
    }),
    (open) => open.close(),
  );
  lifecycle.add(
    'fleet watch',
    createFleetWatch({
      executor,
      reporter,
      pool: config.COMFY_POOL,
      room: config.COMFY_ROOM,
      everyMs: PROBE_EVERY_MS,
      logger,
      ...(onReport ? { onReport } : {}),
    }),
    (loop) => loop.close(),
  );
  const worker = await createGpuWorker({
    connection,
    namespace: config.TEMPORAL_NAMESPACE,
    executor,
    storage,
    runs,
    room: config.COMFY_ROOM,
    logger,
  });
  return [worker];
}
