/** The long-running roles: api, worker (cpu and gpu), monolith. */
import { createApp } from '../api/app.ts';
import { listen } from '../api/server.ts';
import {
  composeApi,
  composeBase,
  composeCpuWorkers,
  composeDatabase,
  composeFleetReports,
  composeGpuWorkers,
  composeWorkerConnection,
  type Base,
  type DatabaseBase,
} from '../compose.ts';
import type { Config } from '../config.ts';
import { untilSignal } from '../lifecycle.ts';
import type { Logger } from '../ports.ts';
import { createApiReporter } from '../workers/api-reporter.ts';
import { installRuntime, runWorkers, type RunningWorkers } from '../workers/temporal-workers.ts';

export const ROLES = ['api', 'worker', 'worker-cpu', 'worker-gpu', 'monolith'] as const;
export type Role = (typeof ROLES)[number];

const DEFAULT_PORT = 3_000;

/** Runs a role until a signal, or until one of its workers fails; then releases everything in order. */
export async function runRole(role: Role, config: Config, logger: Logger): Promise<void> {
  const base = composeBase(config, logger);
  const signal = untilSignal(logger);
  try {
    const failures = await startRole(role, base);
    process.send?.({ ready: true });
    await Promise.race([signal, ...failures]);
  } finally {
    await base.lifecycle.release();
  }
}

async function startRole(role: Role, base: Base): Promise<Promise<unknown>[]> {
  if (role === 'worker-gpu' && base.config.DATABASE_URL === undefined)
    return [(await startGpuWorkerAlone(base)).finished];
  const database = await composeDatabase(base, role);
  const finished: Promise<unknown>[] = [];
  if (role !== 'api') finished.push((await startWorkers(role, database)).finished);
  if (role === 'api' || role === 'monolith') await startApi(database);
  return finished;
}

async function startApi(base: DatabaseBase): Promise<void> {
  const { config, logger, lifecycle } = base;
  const app = createApp(await composeApi(base));
  const server = await listen({
    fetch: (request) => app.fetch(request),
    host: config.HOST,
    port: config.PORT ?? DEFAULT_PORT,
  });
  lifecycle.add('api', server, (open) => open.close());
  logger.info({ url: server.url }, 'API listens');
}

async function startWorkers(role: Role, base: DatabaseBase): Promise<RunningWorkers> {
  installRuntime(base.logger);
  const connection = await composeWorkerConnection(base);
  const cpu = role === 'worker-gpu' ? [] : await composeCpuWorkers(base, connection);
  const gpu =
    role === 'worker-cpu'
      ? []
      : await composeGpuWorkers(base, connection, composeFleetReports(base), () =>
          base.wakeups.wake('room'),
        );
  return keepRunning(base, [...cpu, ...gpu]);
}

async function startGpuWorkerAlone(base: Base): Promise<RunningWorkers> {
  installRuntime(base.logger);
  const connection = await composeWorkerConnection(base);
  const reporter = createApiReporter(base.config);
  const workers = await composeGpuWorkers(base, connection, reporter);
  return keepRunning(base, workers);
}

function keepRunning(base: Base, workers: Parameters<typeof runWorkers>[0]): RunningWorkers {
  const running = runWorkers(workers);
  base.lifecycle.add('workers', running, (open) => open.close());
  base.logger.info({ queues: workers.map((worker) => worker.options.taskQueue) }, 'workers poll');
  return running;
}
