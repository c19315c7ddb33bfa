/** Puts the cpu workers together. Apart from compose.ts, so that the API does not load the Temporal worker (50 MB). */
import type { NativeConnection, Worker } from '@temporalio/worker';
import { createCallbackRuns } from './client/callback-runs.ts';
import { deliverGrant } from './client/deliver-grant.ts';
import { composeCallbackSecrets, type DatabaseBase } from './compose.ts';
import type { Config } from './config.ts';
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
import { createAddressRules } from './net/address-rules.ts';
import { createOutgoing } from './net/outgoing.ts';
import { createCallbackStarter } from './workers/callback-starter.ts';
import { createCallbackWorker } from './workers/callback-worker.ts';
import { createCloser } from './workers/closer.ts';
import { createCollector } from './workers/collector.ts';
import { createCpuWorkers } from './workers/cpu-worker.ts';
import { createDependencyWatch } from './workers/dependency-watch.ts';
import { createGrantWatch } from './workers/grant-watch.ts';
import { createPoolWatch } from './workers/pool-watch.ts';
import { createStarter } from './workers/starter.ts';
import { createTaskWorker } from './workers/task-worker.ts';

/** How soon a new pool is noticed. */
const POOLS_EVERY_MS = 2_000;

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
  lifecycle.add(
    'grant watch',
    createGrantWatch({
      ...{ leases, logger, metrics },
      deliver: (lease) => deliverGrant(client, lease),
    }),
    (loop) => loop.close(),
  );
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

/** Pools that are configured here; those of servers elsewhere are known by their reports. */
const poolsOf = ({ COMFY_POOL, servers }: Config): readonly string[] => [
  COMFY_POOL,
  ...servers.map(({ pool }) => pool),
];
