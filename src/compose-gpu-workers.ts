/** Puts the gpu workers together: one at each server, with the watch that reports how it is. */
import { randomUUID } from 'node:crypto';
import type { NativeConnection, Worker } from '@temporalio/worker';
import type { Base } from './compose.ts';
import type { ServerSettings } from './config-servers/server-settings.ts';
import { MOST_ROOM } from './domain/room.ts';
import { OrchestratorError, messageOf } from './errors.ts';
import { createComfyExecutor } from './executors/comfyui/executor.ts';
import type { AttemptBlobs, FleetReporter, ProgressReporter } from './ports.ts';
import { createApiChannel } from './storage/api-channel.ts';
import { createLocalBlobs } from './storage/attempt-blobs.ts';
import { createRemoteBlobs } from './storage/remote.ts';
import { createFleetWatch, watchedExecutor } from './workers/fleet-watch.ts';
import { createGpuWorker } from './workers/gpu-worker.ts';
import { createProgressRelay } from './workers/progress-relay.ts';

/** How often a server is asked how it is. */
const PROBE_EVERY_MS = 5_000;

/** The blobs as this gpu worker reaches them. Throws `configuration` for STORAGE=remote without the API's address and key. */
const composeAttemptBlobs = ({ config, storage }: Base): AttemptBlobs =>
  config.STORAGE === 'remote'
    ? createRemoteBlobs(createApiChannel(config))
    : createLocalBlobs(storage);

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
