import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { OrchestratorError, messageOf } from '../errors.ts';
import type { Logger } from '../ports.ts';
import { readLogTail } from './log-file.ts';
import { findPortHolder } from './ports.ts';
import { startProcess } from './supervisor.ts';
import type { ManagedProcess } from './supervisor.ts';
import { ensureNamespace, ensureSearchAttributes } from './temporal-namespace.ts';

/** What is asked of a Temporal server, whatever stores its data. */
export interface TemporalServerOptions {
  readonly ip: string;
  readonly port: number;
  readonly logFile: string;
  /** (Default: `default`) */
  readonly namespace?: string;
  /** How long closed runs are kept, in days. (Default: the dev server's 1) */
  readonly retentionDays?: number;
  readonly searchAttributes: readonly string[];
  /** The whole environment of the server. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  /** Start it again on the same data when it ends by itself. (Default: false) */
  readonly restart?: boolean;
  /** Where the pid is noted for `stopOrphans`. */
  readonly runDir?: string;
  /** (Default: 60,000) */
  readonly readyTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface TemporalServer {
  readonly address: string;
  readonly pid: number;
  readonly exited: ManagedProcess['exited'];
  stop(): Promise<void>;
}

/** `HealthCheckResponse.ServingStatus.SERVING`: https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
const SERVING = 1;
const FRONTEND = 'temporal.api.workflowservice.v1.WorkflowService';

/** Another server that took the port in the meantime would answer as well; ours then ends a moment later. */
const assertOurs = async (port: number, pid: number): Promise<void> => {
  const holder = await findPortHolder(port);
  if (holder !== undefined && holder !== pid)
    throw new Error(`port ${port} is answered by process ${holder}, not by ours (${pid})`);
};

const prepare = async (address: string, options: TemporalServerOptions): Promise<void> => {
  const namespace = options.namespace ?? 'default';
  const connection = await Connection.connect({ address, connectTimeout: '2s' });
  try {
    const health = await connection.healthService.check({ service: FRONTEND });
    const status: number = health.status;
    if (status !== SERVING) throw new Error('the frontend does not serve yet');
    await ensureNamespace(connection, namespace, options.retentionDays ?? 1);
    await ensureSearchAttributes(connection, namespace, options.searchAttributes);
  } finally {
    await connection.close();
  }
};

const untilReady = async (
  address: string,
  options: TemporalServerOptions,
  pid: number,
  ended: AbortSignal,
): Promise<void> => {
  const timeoutMs = options.readyTimeoutMs ?? 60_000;
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      await prepare(address, options);
      await assertOurs(options.port, pid);
      return;
    } catch (error) {
      if (ended.aborted) throw ended.reason;
      // A wrong configuration does not heal by waiting.
      if (error instanceof OrchestratorError && !error.retryable) throw error;
      if (Date.now() > deadline)
        throw new Error(`it was not ready within ${timeoutMs / 1000} s: ${messageOf(error)}`);
    }
    await delay(30, undefined, { signal: ended });
  }
};

/**
 * Starts a Temporal server's program and resolves when it serves, its namespace is there and every search attribute
 * can be used. Throws `configuration` with the end of its log when it ends before that.
 */
export const startTemporalProcess = async (
  what: string,
  program: { readonly command: string; readonly args: readonly string[] },
  options: TemporalServerOptions,
): Promise<TemporalServer> => {
  const { ip, port, logger, logFile } = options;
  const address = `${ip}:${port}`;
  const server = await startProcess({
    name: 'temporal',
    ...program,
    env: options.env,
    logFile,
    stopTimeoutMs: 10_000,
    restart: options.restart ?? false,
    logger,
    ...(options.runDir === undefined ? {} : { runDir: options.runDir }),
  });
  const ended = new AbortController();
  void server.nextExit().then(({ code, signal }) => {
    ended.abort(new Error(`it ended with ${code ?? signal ?? 'an unknown state'}`));
  });
  const signal =
    options.signal === undefined ? ended.signal : AbortSignal.any([ended.signal, options.signal]);
  try {
    await untilReady(address, options, server.pid, signal);
  } catch (error) {
    await server.stop();
    if (error instanceof OrchestratorError) throw error;
    options.signal?.throwIfAborted();
    const tail = await readLogTail(logFile, server.logOffset);
    const reason: unknown = signal.aborted ? signal.reason : error;
    throw new OrchestratorError(
      'configuration',
      `${what} did not start on ${address}: ${messageOf(reason)}. ` +
        `The end of its log (${logFile}):\n${tail === '' ? '(empty)' : tail}`,
      { cause: reason },
    );
  }
  return {
    address,
    get pid() {
      return server.pid;
    },
    exited: server.exited,
    stop: () => server.stop(),
  };
};
