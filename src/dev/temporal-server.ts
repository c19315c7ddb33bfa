import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { assertPortFree } from './ports.ts';
import { startTemporalProcess } from './temporal-process.ts';
import type { TemporalServer, TemporalServerOptions } from './temporal-process.ts';

export interface TemporalDevServerOptions extends TemporalServerOptions {
  /** Path of the temporal CLI. */
  readonly binary: string;
  /** SQLite file; without it everything is in memory and ends with the process. */
  readonly dataFile?: string;
  /** Without it there is no Web UI. */
  readonly uiPort?: number;
}

export interface TemporalDevServer extends TemporalServer {
  readonly uiUrl: string | undefined;
}

/**
 * The dev server has one history shard, whose queues it reads 20 times a second by default: nine hand-overs of a job
 * then cost 450 ms instead of 100. One partition and the new matcher make priority strict and fairness exact.
 */
export const DEV_SERVER_DYNAMIC_CONFIG: Readonly<Record<string, number | boolean>> = {
  'history.transferProcessorMaxPollRPS': 5000,
  'history.timerProcessorMaxPollRPS': 1000,
  'history.visibilityProcessorMaxPollRPS': 1000,
  'matching.useNewMatcher': true,
  'matching.enableFairness': true,
  'matching.numTaskqueueReadPartitions': 1,
  'matching.numTaskqueueWritePartitions': 1,
  'system.enableActivityEagerExecution': true,
  'system.enableEagerWorkflowStart': true,
};

/** Arguments of `temporal` for these options. */
export const devServerArguments = (
  options: Pick<
    TemporalDevServerOptions,
    'dataFile' | 'ip' | 'port' | 'uiPort' | 'namespace' | 'searchAttributes'
  >,
): string[] => [
  ...['server', 'start-dev', '--log-level', 'warn', '--log-format', 'text'],
  ...['--ip', options.ip, '--port', String(options.port)],
  ...(options.uiPort === undefined
    ? ['--headless']
    : ['--ui-ip', options.ip, '--ui-port', String(options.uiPort)]),
  ...(options.dataFile === undefined
    ? []
    : [
        ...['--db-filename', options.dataFile],
        ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL'],
      ]),
  ...(options.namespace === undefined || options.namespace === 'default'
    ? []
    : ['--namespace', options.namespace]),
  ...options.searchAttributes.flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
  ...Object.entries(DEV_SERVER_DYNAMIC_CONFIG).flatMap(([key, value]) => [
    '--dynamic-config-value',
    `${key}=${String(value)}`,
  ]),
];

/**
 * Starts the Temporal dev server and resolves when it serves, its namespace is there and every search attribute can
 * be used. Throws `configuration` with the end of its log when it ends before that.
 */
export const startTemporalDevServer = async (
  options: TemporalDevServerOptions,
): Promise<TemporalDevServer> => {
  const { ip, port, uiPort } = options;
  if (options.dataFile !== undefined) await mkdir(dirname(options.dataFile), { recursive: true });
  await assertPortFree(ip, port, 'TEMPORAL_PORT');
  if (uiPort !== undefined) await assertPortFree(ip, uiPort, 'TEMPORAL_UI_PORT');
  const program = { command: options.binary, args: devServerArguments(options) };
  const server = await startTemporalProcess('The Temporal dev server', program, options);
  return {
    address: server.address,
    uiUrl: uiPort === undefined ? undefined : `http://${ip}:${uiPort}`,
    get pid() {
      return server.pid;
    },
    exited: server.exited,
    stop: () => server.stop(),
  };
};
