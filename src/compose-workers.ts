/** Puts the workers together. Apart from compose.ts, so that the API does not load the Temporal worker (50 MB). */
import { randomUUID } from 'node:crypto';
import { NativeConnection } from '@temporalio/worker';
import { connectionOptions } from './client/temporal.ts';
import type { Base, DatabaseBase } from './compose.ts';
import { createBlobRecords } from './db/blobs.ts';
import { createClosing } from './db/closing.ts';
import { createCollectorStore } from './db/collector-store.ts';
import { createLeaseStore } from './db/leases.ts';
import { createOutbox } from './db/outbox.ts';
import { createPrepareReads } from './db/prepare-reads.ts';
import { createRunStore } from './db/runs.ts';
import { createSnapshotStore } from './db/snapshots.ts';
import { MOST_ROOM, createRoomGauge } from './domain/room.ts';
import { OrchestratorError, messageOf } from './errors.ts';
import { createComfyExecutor } from './executors/comfyui/executor.ts';
import type { FleetReporter } from './ports.ts';
import { createCloser } from './workers/closer.ts';
import { createCollector } from './workers/collector.ts';
import { createCpuWorkers } from './workers/cpu-worker.ts';
import { createFleetWatch } from './workers/fleet-watch.ts';
import { createGpuWorker } from './workers/gpu-worker.ts';
import { createStarter } from './workers/starter.ts';

/** How often a server is asked how it is. */
const PROBE_EVERY_MS = 5_000;

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
    jobRuns: runs,
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
      ...(config.COMFY_HEADERS ? { headers: config.COMFY_HEADERS } : {}),
      clientId: randomUUID(),
      logger,
    }),
    (open) => open.close(),
  );
  const gauge = createRoomGauge();
  const { COMFY_ROOM: room } = config;
  lifecycle.add(
    'fleet watch',
    createFleetWatch({
      executor,
      reporter,
      pool: config.COMFY_POOL,
      room: room === 'auto' ? gauge.room : () => room,
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
    mostRoom: room === 'auto' ? MOST_ROOM : room,
    onDrawn: ({ serverId, promptId }, state) => {
      if (state.state === 'succeeded') gauge.note(state.executionMs);
      reporter.reportDrawn({ serverId, promptId }).then(onReport, (error: unknown) =>
        // The end of the lease gives the room back as well.
        logger.debug({ promptId, error: messageOf(error) }, 'room not given back early'),
      );
    },
    logger,
  });
  return [worker];
}
