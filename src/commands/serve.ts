/** The long-running roles: api, worker (cpu and gpu), monolith. */
import {
  composeApi,
  composeBase,
  composeDatabase,
  type Base,
  type DatabaseBase,
} from '../compose.ts';
import type { Config } from '../config.ts';
import { continueTrace } from '../domain/trace.ts';
import { OrchestratorError } from '../errors.ts';
import { untilSignal } from '../lifecycle.ts';
import type { MetricsExporter } from '../metrics/exporter.ts';
import { addStorageSource } from '../metrics/own-sources.ts';
import type { Logger } from '../ports.ts';
import { loadTracer } from '../tracing/load-tracer.ts';
import { silentTracer } from '../tracing/silent-tracer.ts';
import type { RunningWorkers } from '../workers/temporal-workers.ts';
import type { Role } from './role.ts';

const DEFAULT_PORT = 3_000;

/** A role that runs in this process. */
export interface Serving {
  /** Where the API listens, when the role has one. */
  readonly url: string | undefined;
  /** Rejects when a worker fails. */
  readonly failed: Promise<unknown>;
  /** Drains, then releases everything in reverse order. */
  stop(): Promise<void>;
}

/** Starts a role; what was acquired before a failure is released again. */
export async function startServing(role: Role, config: Config, logger: Logger): Promise<Serving> {
  if (config.STORAGE === 'remote' && role !== 'worker-gpu')
    throw new OrchestratorError(
      'configuration',
      `STORAGE=remote is for gpu workers; the ${role} role keeps the blobs itself. Unset STORAGE here and set BLOB_DIR.`,
    );
  const exporter = await createExporter(role, config, logger);
  const tracer = await loadTracer(config, role, logger);
  const base = composeBase(config, logger, exporter, tracer ?? silentTracer);
  // Released after the roles: what they do while they end is still sent.
  if (tracer) base.lifecycle.add('traces', tracer, (open) => open.close());
  const stop = (): Promise<void> => base.lifecycle.release();
  try {
    await serveMetrics(base);
    const { url, workers } = await startRole(role, base);
    return { url, failed: workers?.finished ?? new Promise(() => undefined), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Runs a role until a signal, or until one of its workers fails. */
export async function runRole(role: Role, config: Config, logger: Logger): Promise<void> {
  const signal = untilSignal(logger);
  const serving = await startServing(role, config, logger);
  try {
    process.send?.({ ready: true, url: serving.url });
    await Promise.race([signal, serving.failed]);
  } finally {
    await serving.stop();
  }
}

/** Keeps nothing, and loads nothing, when nobody is to see it. */
async function createExporter(
  role: Role,
  config: Config,
  logger: Logger,
): Promise<MetricsExporter | undefined> {
  if (config.METRICS_PORT === undefined) return undefined;
  const { createMetricsExporter } = await import('../metrics/exporter.ts');
  return createMetricsExporter(role, logger);
}

async function serveMetrics(base: Base): Promise<void> {
  const { config, exporter, logger, lifecycle, storage } = base;
  if (!exporter || config.METRICS_PORT === undefined) return;
  const { startMetricsServer } = await import('../metrics/metrics-server.ts');
  addStorageSource(exporter, storage, config.MIN_FREE_BYTES);
  const server = await startMetricsServer({
    exporter,
    host: config.METRICS_HOST,
    port: config.METRICS_PORT,
    key: config.METRICS_KEY,
    logger,
  });
  lifecycle.add('metrics', server, (open) => open.close());
  logger.info({ url: server.url }, 'metrics are served');
}

interface Started {
  readonly url?: string | undefined;
  readonly workers?: RunningWorkers;
}

/** What a role does not need is not loaded: a process of its own stays small and starts sooner. */
async function startRole(role: Role, base: Base): Promise<Started> {
  const workerCode = () => import('./serve-workers.ts');
  if (role === 'worker-gpu' && base.config.DATABASE_URL === undefined)
    return { workers: await (await workerCode()).startGpuWorkerAlone(base) };
  const database = await composeDatabase(base, role);
  const workers =
    role === 'api' ? undefined : await (await workerCode()).startWorkers(role, database);
  const url = role === 'api' || role === 'monolith' ? await startApi(database) : undefined;
  return { url, ...(workers ? { workers } : {}) };
}

async function startApi(base: DatabaseBase): Promise<string> {
  const { config, logger, lifecycle } = base;
  const [{ createApp }, { listen }] = await Promise.all([
    import('../api/app.ts'),
    import('../api/server.ts'),
  ]);
  const deps = await composeApi(base);
  const app = createApp(deps);
  const server = await listen({
    fetch: (request) => app.fetch(request),
    host: config.HOST,
    port: config.PORT ?? DEFAULT_PORT,
    newTrace: () => continueTrace(undefined, deps.randomHex),
  });
  lifecycle.add('api', server, (open) => open.close());
  logger.info({ url: server.url }, 'API listens');
  return server.url;
}
