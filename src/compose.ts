/** Puts the parts together; with the other compose-*.ts the only files that know every adapter. */
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { ApiDeps } from './api/deps.ts';
import { createEventReader } from './client/event-reader.ts';
import { createJobRuns, type JobRuns } from './client/job-runs.ts';
import { createJobWaiter } from './client/job-waiter.ts';
import { createOrchestrator } from './client/orchestrator.ts';
import { createKeptRead } from './client/kept-read.ts';
import { createQueueView } from './client/queue-view.ts';
import { createReadiness } from './client/readiness.ts';
import { readRunHistory } from './client/run-history.ts';
import { connectTemporal, type TemporalConfig } from './client/temporal.ts';
import { createTenantPolicies, type TenantPolicies } from './client/tenant-policies.ts';
import { composeLimits } from './compose-limits.ts';
import type { Config } from './config.ts';
import { JOB_TYPES } from './contract/v1/job-types/table.ts';
import { createBlobRecords } from './db/blobs.ts';
import { createCallbackLog } from './db/callback-log.ts';
import { createCallbackSecrets, type CallbackSecrets } from './db/callback-secrets.ts';
import { connectDatabase, type Sql } from './db/connect.ts';
import { createFleetReader } from './db/fleet.ts';
import { createFleetReports } from './db/fleet-reports.ts';
import { createDependencies } from './db/dependencies.ts';
import { createJobListings } from './db/job-listings.ts';
import { createProgressReports, createProgressStore } from './db/job-progress.ts';
import { createFleetOperations } from './db/fleet-operations.ts';
import { createGraphStore } from './db/job-graphs.ts';
import { createJobStore } from './db/jobs.ts';
import { createUploadStore } from './db/kept-files.ts';
import { createKeyStore } from './db/keys.ts';
import { createLeaseReads } from './db/lease-reads.ts';
import { migrate } from './db/migrate.ts';
import { createMetricReads } from './db/metric-reads.ts';
import { createOutbox } from './db/outbox.ts';
import { createQueueSnapshots } from './db/queue-snapshot.ts';
import { createRecentEnds } from './db/recent-ends.ts';
import { createResourceStore } from './db/resources.ts';
import { seedCatalogue } from './db/seed-catalogue.ts';
import { blobSigningKey, callbackKey, createSettingsStore } from './db/settings.ts';
import { createServerCount } from './db/servers.ts';
import { createSnapshotStore } from './db/snapshots.ts';
import { createTaints } from './db/taints.ts';
import { createTenantStore } from './db/tenants.ts';
import { createWakeups, type Wakeups } from './db/wakeups.ts';
import { OrchestratorError } from './errors.ts';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import { addDatabaseSources } from './metrics/database-sources.ts';
import type { MetricsExporter } from './metrics/exporter.ts';
import { addReadinessSource } from './metrics/own-sources.ts';
import { silentMetrics } from './metrics/silent-metrics.ts';
import { createAddressRules } from './net/address-rules.ts';
import { createOutgoing } from './net/outgoing.ts';
import type {
  BlobStore,
  FleetReporter,
  Logger,
  Metrics,
  ProgressReporter,
  Tracer,
} from './ports.ts';
import { createCursorSigner } from './storage/cursor-signer.ts';
import { createLocalStore } from './storage/local.ts';
import { createTransferSigner } from './storage/transfer-signer.ts';
import { createUrlSigner } from './storage/url-signer.ts';

/** Connections and stores that the roles of one process share. */
export interface Base {
  readonly config: Config;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  readonly client: Client;
  readonly temporal: TemporalConfig;
  readonly runs: JobRuns;
  readonly storage: BlobStore;
  readonly metrics: Metrics;
  /** Shows them; absent without METRICS_PORT. */
  readonly exporter: MetricsExporter | undefined;
  readonly tracer: Tracer;
}

export interface DatabaseBase extends Base {
  readonly sql: Sql;
  readonly policies: TenantPolicies;
  readonly wakeups: Wakeups;
}

/** Where the blobs lie. */
export const blobDir = (config: Pick<Config, 'BLOB_DIR' | 'DATA_DIR'>): string =>
  config.BLOB_DIR ?? join(config.DATA_DIR, 'blobs');

/** Opens what every role needs. Throws `configuration` when there is no Temporal address. */
export function composeBase(
  config: Config,
  logger: Logger,
  exporter: MetricsExporter | undefined,
  tracer: Tracer,
): Base {
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
  const runs = createJobRuns(client, runRules(config));
  const storage = createLocalStore(blobDir(config));
  const metrics = exporter ?? silentMetrics;
  return { config, logger, lifecycle, client, temporal, runs, storage, metrics, exporter, tracer };
}

const runRules = (config: Config) => ({
  priorityAgeMs: config.PRIORITY_AGE_SECONDS * 1_000,
  serverLostAfterMs: config.SERVER_LOST_AFTER_SECONDS * 1_000,
  ...(config.TIME_LIMITS ? { timeLimits: config.TIME_LIMITS } : {}),
});

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
  const policies = createTenantPolicies({
    store: createTenantStore(sql),
    defaults: { weight: config.TENANT_WEIGHT, maxRunning: config.TENANT_MAX_RUNNING },
    now: () => performance.now(),
  });
  const runs = createJobRuns(base.client, { ...runRules(config), policies });
  return { ...base, runs, sql, wakeups, policies };
}

/** What the API needs. */
export async function composeApi(base: DatabaseBase): Promise<ApiDeps> {
  const { config, sql, logger, metrics, wakeups, client, storage, lifecycle, policies } = base;
  const resources = createResourceStore(sql);
  if (config.AUTH === 'open' && config.SEED_CATALOGUE) {
    const seeded = await seedCatalogue(resources, 'local');
    if (seeded > 0) logger.info({ resources: seeded }, 'sample catalogue stored');
  }
  const snapshots = createSnapshotStore(sql);
  const recentEnds = createKeptRead(createRecentEnds(sql), { keptMs: 2_000 }, () =>
    performance.now(),
  );
  const limits = composeLimits(sql, base);
  const jobs = createJobStore(sql, limits.defaultLimits);
  const orchestrator = lifecycle.add(
    'starts under way',
    createOrchestrator({
      jobs,
      requireStorage: limits.requireStorage,
      outbox: createOutbox(sql),
      taints: createTaints(sql),
      runs: base.runs,
      events: createEventReader({
        snapshots,
        readHistory: (jobId) => readRunHistory(client, jobId),
      }),
      recentEnds,
      waiter: createJobWaiter({ wakeups, listEnded: jobs.listEnded }),
      wakeups,
      pool: config.COMFY_POOL,
      jobLifetimeMs: config.JOB_LIFETIME_HOURS * 3_600_000,
      maxAttempts: config.JOB_MAX_ATTEMPTS,
      logger,
      metrics,
    }),
    (open) => open.drain(),
  );
  const { priorityAgeMs } = runRules(config);
  const now = (): Date => new Date();
  const signingKey = await blobSigningKey(createSettingsStore(sql), config.BLOB_SIGNING_KEY);
  const minFreeBytes = config.MIN_FREE_BYTES;
  const ready = createReadiness({
    ...{ sql, client, storage, minFreeBytes },
    countServers: createServerCount(sql),
  });
  addDatabaseSources(metrics, createMetricReads(sql), JOB_TYPES);
  addReadinessSource(metrics, ready);
  return {
    config,
    orchestrator,
    resources,
    keys: createKeyStore(sql),
    callbacks: {
      log: createCallbackLog(sql),
      secrets: await composeCallbackSecrets(base),
      wake: () => wakeups.wake('callbacks'),
    },
    graphs: createGraphStore(sql),
    outgoing: createOutgoing(createAddressRules(config.OUTGOING_ALLOW ?? [])),
    ...limits,
    blobs: createBlobRecords(sql),
    uploads: createUploadStore(sql),
    fleet: createFleetReader(sql),
    fleetOperations: createFleetOperations(sql),
    queue: createQueueView({
      readSnapshot: createQueueSnapshots(sql, priorityAgeMs),
      ...{ recentEnds, policies, priorityAgeMs, now },
    }),
    fleetReports: composeFleetReports(base),
    progress: createProgressStore(sql),
    listings: createJobListings(sql),
    dependencies: createDependencies(sql),
    onFleetReport: () => wakeups.wake('room'),
    storage,
    signer: createUrlSigner({
      key: signingKey,
      ttlSeconds: config.BLOB_URL_TTL_SECONDS,
      now,
    }),
    cursors: createCursorSigner(signingKey),
    leases: createLeaseReads(sql),
    transferSigner: createTransferSigner({ key: signingKey, now }),
    ready,
    logger,
    metrics,
    tracer: base.tracer,
    now,
    randomHex: (bytes) => randomBytes(bytes).toString('hex'),
    newId: randomUUID,
  };
}

/** The secrets that sign callbacks, the same in every process. */
export const composeCallbackSecrets = async ({
  sql,
  config,
}: DatabaseBase): Promise<CallbackSecrets> =>
  createCallbackSecrets(sql, await callbackKey(createSettingsStore(sql), config.CALLBACK_KEY));

const composeFleetReports = ({ sql, config }: DatabaseBase): FleetReporter =>
  createFleetReports(sql, { goneAfterSeconds: config.SERVER_GONE_AFTER_SECONDS });

/** Where a gpu worker's reports go when it has the database anyway. */
export const composeReports = (base: DatabaseBase): FleetReporter & ProgressReporter => ({
  ...composeFleetReports(base),
  ...createProgressReports(base.sql),
});
