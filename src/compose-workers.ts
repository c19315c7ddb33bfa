/** Puts the workers together. Apart from compose.ts, so that the API does not load the Temporal worker (50 MB). */
import { randomUUID } from 'node:crypto';
import { NativeConnection, type Worker } from '@temporalio/worker';
import { createCallbackRuns } from './client/callback-runs.ts';
import { connectionOptions } from './client/temporal.ts';
import { composeCallbackSecrets, type Base, type DatabaseBase } from './compose.ts';
import type { Config } from './config.ts';
import type { ServerSettings } from './config-servers/server-settings.ts';
import { jobCallbackBody } from './contract/v1/job-callback.ts';
import { createBlobRecords } from './db/blobs.ts';
import { createCallbackOutbox } from './db/callback-outbox.ts';
import { createCallbackStore } from './db/callbacks.ts';
import { createClosing } from './db/closing.ts';
import { createCollectorStore } from './db/collector-store.ts';
import { createDependencies } from './db/dependencies.ts';
import { createFleetReader } from './db/fleet.ts';
import { createFleetView } from './db/fleet-view.ts';
import { findJobNeeds } from './db/job-needs.ts';
import { createFleetOperations } from './db/fleet-operations.ts';
import { createLeaseStore } from './db/leases.ts';
import { createOutbox } from './db/outbox.ts';
import { createPrepareReads } from './db/prepare-reads.ts';
import { createRunStore } from './db/runs.ts';
import { createResourceStore } from './db/resources.ts';
import { createSnapshotStore } from './db/snapshots.ts';
import { createTaskStore } from './db/task-store.ts';
import { MOST_ROOM } from './domain/room.ts';
import { OrchestratorError, messageOf } from './errors.ts';
import { createComfyExecutor } from './executors/comfyui/executor.ts';
import { createAddressRules } from './net/address-rules.ts';
import { createOutgoing } from './net/outgoing.ts';
import type { AttemptBlobs, FleetReporter, ProgressReporter } from './ports.ts';
import { createApiChannel } from './storage/api-channel.ts';
import { createLocalBlobs } from './storage/attempt-blobs.ts';
import { createRemoteBlobs } from './storage/remote.ts';
import { createCallbackStarter } from './workers/callback-starter.ts';
import { createCallbackWorker } from './workers/callback-worker.ts';
import { createCloser } from './workers/closer.ts';
import { createCollector } from './workers/collector.ts';
import { createCpuWorkers } from './workers/cpu-worker.ts';
import { createDependencyWatch } from './workers/dependency-watch.ts';
import { createFleetWatch, watchedExecutor } from './workers/fleet-watch.ts';
import { createGpuWorker } from './workers/gpu-worker.ts';
import { createPoolWatch } from './workers/pool-watch.ts';
import { createProgressRelay } from './workers/progress-relay.ts';
import { createStarter } from './workers/starter.ts';
import { createTaskWorker } from './workers/task-worker.ts';

/** How often a server is asked how it is. */
const PROBE_EVERY_MS = 5_000;
/** How soon a new pool is noticed. */
const POOLS_EVERY_MS = 2_000;

/** Connection of the workers; lives as long as the process. */
export async function composeWorkerConnection(base: Base): Promise<NativeConnection> {
  return base.lifecycle.add(
    'temporal worker connection',
    await NativeConnection.connect(connectionOptions(base.temporal)),
    (open) => open.close(),
  );
}

export interface ComposedCpuWorkers {
  readonly workers: readonly Worker[];
  /** Makes a placer for every pool that turns up, and has its worker run. */
  watchPools(run: (worker: Worker) => void): void;
}

/** The cpu worker with its placers, starter, closer and collector. */
export async function composeCpuWorkers(
  base: DatabaseBase,
  connection: NativeConnection,
): Promise<ComposedCpuWorkers> {
  const { config, sql, logger, wakeups, storage, lifecycle, client, runs, policies } = base;
  const { metrics, tracer } = base;
  const leases = createLeaseStore(sql);
  const fleet = createFleetOperations(sql);
  const pollMs = config.SCHEDULER_POLL_MS;
  const cpu = await createCpuWorkers({
    connection,
    namespace: config.TEMPORAL_NAMESPACE,
    pools: [...new Set([...poolsOf(config), ...(await fleet.listPools())])],
    runs: createRunStore(sql),
    jobRuns: runs,
    leases,
    fleet: createFleetView(createFleetReader(sql).readFleet, Date.now),
    findNeeds: (jobId) => findJobNeeds(sql, jobId),
    reads: createPrepareReads(sql),
    blobs: createBlobRecords(sql),
    storage,
    outgoing: createOutgoing(createAddressRules(config.OUTGOING_ALLOW ?? [])),
    maxInputBytes: config.MAX_INPUT_BYTES,
    wakeups,
    placementWindow: config.PLACEMENT_WINDOW,
    affinityWaitMs: config.AFFINITY_WAIT_SECONDS * 1_000,
    policies,
    pollMs,
    blobRetentionDays: config.BLOB_RETENTION_DAYS,
    logger,
    metrics,
    tracer,
  });
  lifecycle.add('placers', cpu, (open) => open.close());
  const outbox = createOutbox(sql);
  lifecycle.add(
    'starter',
    createStarter({ outbox, runs, wakeups, pollMs, logger, metrics }),
    (loop) => loop.close(),
  );
  lifecycle.add(
    'dependency watch',
    createDependencyWatch({
      ...{ dependencies: createDependencies(sql), wakeups, pollMs, logger, metrics },
    }),
    (loop) => loop.close(),
  );
  const snapshots = createSnapshotStore(sql);
  const closing = createClosing(sql);
  lifecycle.add(
    'closer',
    createCloser({
      ...{
        client,
        runs,
        closing,
        leases,
        snapshots,
        wakeups,
        storage,
        pollMs,
        logger,
        metrics,
        tracer,
      },
      runStore: createRunStore(sql),
      blobRetentionDays: config.BLOB_RETENTION_DAYS,
    }),
    (loop) => loop.close(),
  );
  lifecycle.add(
    'collector',
    createCollector({
      store: createCollectorStore(sql),
      fleet,
      blobs: createBlobRecords(sql),
      storage,
      everyMs: config.COLLECT_EVERY_SECONDS * 1_000,
      jobRetentionDays: config.JOB_RETENTION_DAYS,
      forgetServersAfterHours: config.SERVER_FORGET_AFTER_HOURS,
      logger,
      metrics,
    }),
    (loop) => loop.close(),
  );
  const callbacks = await composeCallbacks(base, connection);
  const tasks = await composeTasks(base, connection);
  return {
    workers: [...cpu.workers, callbacks, tasks],
    watchPools: (run) => {
      const everyMs = POOLS_EVERY_MS;
      const watch = createPoolWatch({ fleet, placers: cpu, run, everyMs, logger });
      lifecycle.add('pool watch', watch, (loop) => loop.close());
    },
  };
}

/** The worker that sends callbacks, and the loop that has them sent. */
async function composeCallbacks(base: DatabaseBase, connection: NativeConnection): Promise<Worker> {
  const { config, sql, client, wakeups, lifecycle, logger, metrics, tracer } = base;
  const worker = await createCallbackWorker({
    ...{ connection, namespace: config.TEMPORAL_NAMESPACE, logger, metrics, tracer },
    store: createCallbackStore(sql),
    secrets: await composeCallbackSecrets(base),
    outgoing: createOutgoing(createAddressRules(config.OUTGOING_ALLOW ?? [])),
    render: ({ job, event }) => jobCallbackBody(job, event, config.PROVIDER_NAME),
    timeoutMs: config.CALLBACK_TIMEOUT_MS,
  });
  lifecycle.add(
    'callback starter',
    createCallbackStarter({
      ...{ wakeups, logger, metrics, pollMs: config.SCHEDULER_POLL_MS },
      outbox: createCallbackOutbox(sql),
      runs: createCallbackRuns(client),
    }),
    (loop) => loop.close(),
  );
  return worker;
}

/** The worker of jobs that need no server. */
const composeTasks = (base: DatabaseBase, connection: NativeConnection): Promise<Worker> => {
  const { config, sql, storage, logger, metrics, tracer } = base;
  return createTaskWorker({
    ...{ connection, namespace: config.TEMPORAL_NAMESPACE, storage, logger, metrics, tracer },
    tasks: createTaskStore(sql, createRunStore(sql)),
    fleet: createFleetView(createFleetReader(sql).readFleet, Date.now),
    resources: createResourceStore(sql),
    outgoing: createOutgoing(createAddressRules(config.OUTGOING_ALLOW ?? [])),
    linkMs: config.BLOB_URL_TTL_SECONDS * 1_000,
    blobRetentionDays: config.BLOB_RETENTION_DAYS,
  });
};

/** The blobs as this gpu worker reaches them. Throws `configuration` for STORAGE=remote without the API's address and key. */
const composeAttemptBlobs = ({ config, storage }: Base): AttemptBlobs =>
  config.STORAGE === 'remote'
    ? createRemoteBlobs(createApiChannel(config))
    : createLocalBlobs(storage);

/** Pools that are configured here; those of servers elsewhere are known by their reports. */
const poolsOf = ({ COMFY_POOL, servers }: Config): readonly string[] => [
  COMFY_POOL,
  ...servers.map(({ pool }) => pool),
];

/** A gpu worker at each of the configured servers, and the watches that report how they are. Throws `configuration`. */
export async function composeGpuWorkers(
  base: Base,
  connection: NativeConnection,
  reporter: FleetReporter & ProgressReporter,
  onChange?: () => void,
  connectServer: typeof createComfyExecutor = createComfyExecutor,
): Promise<GpuWorkers> {
  const { config } = base;
  const blobs = composeAttemptBlobs(base);
  if (config.servers.length === 0)
    throw new OrchestratorError(
      'configuration',
      'There is no ComfyUI server to work at. Set COMFY_HTTP_URL (COMFY_HTTP_URL=http://localhost:8188) or COMFY_SERVERS, or run `npm start`, which simulates a server.',
    );
  const faults = config.servers.flatMap((server) => server.faults);
  if (faults.length > 0)
    throw new OrchestratorError(
      'configuration',
      `COMFY_SERVERS: ${faults.join(' ')} Set it, or leave these servers to another worker (COMFY_SERVE).`,
    );
  const process = { id: randomUUID(), startedAt: new Date().toISOString() };
  const places = await Promise.all(
    config.servers.map((server) =>
      standAt(server, {
        ...{ base, connection, reporter, blobs, process, connectServer },
        ...(onChange ? { onChange } : {}),
      }),
    ),
  );
  return {
    workers: places.map(({ worker }) => worker),
    leave: async () => void (await Promise.allSettled(places.map(({ watch }) => watch.leave()))),
  };
}

export interface GpuWorkers {
  readonly workers: readonly Worker[];
  /** Tells the fleet that this process takes nothing new. */
  leave(): Promise<void>;
}

interface Standing {
  readonly base: Base;
  readonly connection: NativeConnection;
  readonly reporter: FleetReporter & ProgressReporter;
  readonly blobs: AttemptBlobs;
  readonly process: { readonly id: string; readonly startedAt: string };
  readonly onChange?: () => void;
  readonly connectServer: typeof createComfyExecutor;
}

async function standAt(server: ServerSettings, standing: Standing) {
  const { base, connection, reporter, blobs, onChange } = standing;
  const { config, logger, metrics, tracer, runs, lifecycle } = base;
  const { id, room, pool, labels, serves, vramBytes } = server;
  const client = lifecycle.add(
    `ComfyUI client ${id}`,
    standing.connectServer({
      serverId: id,
      httpUrl: server.httpUrl,
      ...(server.wsUrl === undefined ? {} : { wsUrl: server.wsUrl }),
      headers: server.headers,
      ...(server.setIn === undefined ? {} : { setIn: server.setIn }),
      clientId: randomUUID(),
      listsEveryMs: config.COMFY_LISTS_SECONDS * 1_000,
      logger,
    }),
    (open) => open.close(),
  );
  const watch = lifecycle.add(
    `fleet watch ${id}`,
    createFleetWatch({
      executor: client,
      reporter,
      settings: { pool, room, labels, serves, ...(vramBytes === undefined ? {} : { vramBytes }) },
      worker: standing.process,
      everyMs: PROBE_EVERY_MS,
      logger,
      ...(onChange ? { onChange } : {}),
    }),
    (open) => open.close(),
  );
  const worker = await createGpuWorker({
    connection,
    namespace: config.TEMPORAL_NAMESPACE,
    executor: watchedExecutor(client, watch),
    pool,
    storage: blobs,
    maxOutputBytes: config.MAX_OUTPUT_BYTES,
    runs,
    mostRoom: room === 'auto' ? MOST_ROOM : room,
    progress: createProgressRelay({ reporter, logger }),
    onDrawn: ({ serverId, promptId }, state) => {
      const drawn = state.state === 'succeeded' ? { drawMs: state.executionMs } : {};
      reporter.reportDrawn({ serverId, promptId, ...drawn }).then(onChange, (error: unknown) =>
        // The end of the lease gives the room back as well.
        logger.debug({ promptId, error: messageOf(error) }, 'room not given back early'),
      );
    },
    logger,
    metrics,
    tracer,
  });
  return { worker, watch };
}
