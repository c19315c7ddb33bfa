/**
 * `--sabotage lookup`: a gpu worker whose submit is told that no server has its prompt. A lost answer then draws a
 * picture twice, and the checker has to see it.
 */
import { randomUUID } from 'node:crypto';
import { composeBase, composeDatabase, composeFleetReports } from '../../src/compose.ts';
import { composeWorkerConnection } from '../../src/compose-workers.ts';
import { loadConfig } from '../../src/config.ts';
import { createComfyExecutor } from '../../src/executors/comfyui/executor.ts';
import { untilSignal } from '../../src/lifecycle.ts';
import type { Executor } from '../../src/ports.ts';
import { createLogger } from '../../src/telemetry.ts';
import { createFleetWatch } from '../../src/workers/fleet-watch.ts';
import { createGpuWorker } from '../../src/workers/gpu-worker.ts';
import { installRuntime, runWorkers } from '../../src/workers/temporal-workers.ts';

const ROOM = 2;
const config = loadConfig(process.env);
const logger = createLogger(config, 'worker-gpu');
const signal = untilSignal(logger);
installRuntime(logger);
const base = await composeDatabase(composeBase(config, logger), 'worker-gpu');
const connection = await composeWorkerConnection(base);
const seeing = createComfyExecutor({
  serverId: config.COMFY_SERVER_ID,
  httpUrl: config.COMFY_HTTP_URL ?? '',
  clientId: randomUUID(),
  logger,
});
const executor: Executor = { ...seeing, find: async () => ({ state: 'absent' }) };
const watch = createFleetWatch({
  executor,
  reporter: composeFleetReports(base),
  pool: config.COMFY_POOL,
  room: () => ROOM,
  everyMs: 5_000,
  logger,
  onReport: () => base.wakeups.wake('room'),
});
const worker = await createGpuWorker({
  connection,
  namespace: config.TEMPORAL_NAMESPACE,
  executor,
  storage: base.storage,
  runs: base.runs,
  mostRoom: ROOM,
  onDrawn: () => undefined,
  logger,
});
const running = runWorkers([worker]);
process.send?.({ ready: true });
await Promise.race([signal, running.finished]);
await running.close();
await watch.close();
await executor.close();
await base.lifecycle.release();
if (process.connected) process.disconnect();
