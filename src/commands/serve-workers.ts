/** Starts the workers of a role; loaded only by roles that have some. */
import { composeReports, type Base, type DatabaseBase } from '../compose.ts';
import { composeCpuWorkers, type ComposedCpuWorkers } from '../compose-cpu-workers.ts';
import { composeGpuWorkers, type GpuWorkers } from '../compose-gpu-workers.ts';
import { composeWorkerConnection } from '../compose-worker-connection.ts';
import { freeLoopbackPort, readCoreMetrics } from '../metrics/core-metrics.ts';
import { createApiChannel } from '../storage/api-channel.ts';
import { createApiReporter } from '../workers/api-reporter.ts';
import { installRuntime, runWorkers, type RunningWorkers } from '../workers/temporal-workers.ts';
import type { Role } from './role.ts';

/** The workers of a role that has the database. */
export async function startWorkers(role: Role, base: DatabaseBase): Promise<RunningWorkers> {
  await installWatchedRuntime(base);
  const connection = await composeWorkerConnection(base);
  const cpu = role === 'worker-gpu' ? undefined : await composeCpuWorkers(base, connection);
  const gpu =
    role === 'worker-cpu'
      ? undefined
      : await composeGpuWorkers(base, connection, composeReports(base), () =>
          base.wakeups.wake('room'),
        );
  return keepRunning(base, cpu, gpu);
}

/** A gpu worker that reports over HTTP. */
export async function startGpuWorkerAlone(base: Base): Promise<RunningWorkers> {
  await installWatchedRuntime(base);
  const connection = await composeWorkerConnection(base);
  const reporter = createApiReporter(createApiChannel(base.config));
  return keepRunning(base, undefined, await composeGpuWorkers(base, connection, reporter));
}

/** With METRICS_PORT, what the SDK counts is shown beside our own. */
async function installWatchedRuntime({ exporter, logger }: Base): Promise<void> {
  if (!exporter) return void installRuntime(logger);
  const address = installRuntime(logger, `127.0.0.1:${await freeLoopbackPort()}`);
  if (address !== undefined) exporter.addText('temporal-sdk', () => readCoreMetrics(address));
}

function keepRunning(
  base: Base,
  cpu: ComposedCpuWorkers | undefined,
  gpu: GpuWorkers | undefined,
): RunningWorkers {
  const workers = [...(cpu?.workers ?? []), ...(gpu?.workers ?? [])];
  const running = runWorkers(workers);
  base.lifecycle.add('workers', running, (open) => open.close());
  cpu?.watchPools((worker) => running.add(worker));
  // Before the workers drain: nothing new shall be granted to servers that nobody stands at.
  if (gpu) base.lifecycle.add('fleet', gpu, (open) => open.leave());
  base.logger.info({ queues: workers.map((worker) => worker.options.taskQueue) }, 'workers poll');
  return running;
}
