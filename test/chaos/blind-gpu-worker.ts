/**
 * `--sabotage lookup`: a gpu worker whose submit is told that no server has its prompt, nor its files. A lost answer then draws a
 * picture twice, and the checker has to see it.
 */
import { composeBase, composeDatabase, composeReports } from '../../src/compose.ts';
import { composeWorkerConnection } from '../../src/compose-worker-connection.ts';
import { composeGpuWorkers } from '../../src/compose-gpu-workers.ts';
import { loadConfig } from '../../src/config.ts';
import { OrchestratorError } from '../../src/errors.ts';
import {
  createComfyExecutor,
  type ComfyExecutorOptions,
} from '../../src/executors/comfyui/executor.ts';
import { untilSignal } from '../../src/lifecycle.ts';
import type { Executor } from '../../src/ports.ts';
import { createLogger } from '../../src/telemetry.ts';
import { silentTracer } from '../../src/tracing/silent-tracer.ts';
import { installRuntime, runWorkers } from '../../src/workers/temporal-workers.ts';

/** Sees neither the prompt nor, on a retry, the files that it was to write; those that history names are fetched. */
const blind = (options: ComfyExecutorOptions): Executor => {
  const seeing = createComfyExecutor(options);
  return {
    ...seeing,
    find: async () => ({ state: 'absent' }),
    fetchOutput: async (file, signal) => {
      if (file.nodeId === 'predicted') throw new OrchestratorError('output_missing', 'blind');
      return seeing.fetchOutput(file, signal);
    },
  };
};

const config = loadConfig(process.env);
const logger = createLogger(config, 'worker-gpu');
const signal = untilSignal(logger);
installRuntime(logger);
const base = await composeDatabase(
  composeBase(config, logger, undefined, silentTracer),
  'worker-gpu',
);
const gpu = await composeGpuWorkers(
  base,
  await composeWorkerConnection(base),
  composeReports(base),
  () => base.wakeups.wake('room'),
  blind,
);
const running = base.lifecycle.add('workers', runWorkers(gpu.workers), (open) => open.close());
process.send?.({ ready: true });
await Promise.race([signal, running.finished]);
await base.lifecycle.release();
if (process.connected) process.disconnect();
