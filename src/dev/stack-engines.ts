/** The parts that are not ours: started here, or somewhere else by configuration. */
import { Connection } from '@temporalio/client';
import { connectionOptions } from '../client/temporal.ts';
import type { Config } from '../config.ts';
import { SEARCH_ATTRIBUTES } from '../domain/naming.ts';
import { messageOf } from '../errors.ts';
import type { Lifecycle } from '../lifecycle.ts';
import type { Logger } from '../ports.ts';
import { startEmbeddedPostgres } from './embedded-postgres.ts';
import {
  roleOptions,
  type Environment,
  type StackOptions,
  type StackPart,
} from './stack-options.ts';
import { startRoleProcess } from './stack-part.ts';
import { stackPaths } from './stack-paths.ts';
import { LOOPBACK, type StackPorts } from './stack-ports.ts';
import { provideTemporalBinary } from './temporal-binary.ts';
import { ensureSearchAttributes } from './temporal-namespace.ts';
import { startTemporalDevServer, type TemporalDevServer } from './temporal-server.ts';

/** PostgreSQL: the configured one, else embedded in DATA_DIR. */
export async function startDatabase(
  { config, env, logger }: StackOptions,
  lifecycle: Lifecycle,
  ports: StackPorts,
): Promise<{ url: string; embeddedPort?: number; part: StackPart }> {
  if (config.DATABASE_URL !== undefined) {
    const { hostname, port: at, pathname } = new URL(config.DATABASE_URL);
    const address = `${hostname}:${at || '5432'}${pathname}`;
    return { url: config.DATABASE_URL, part: { name: 'PostgreSQL', address, state: 'yours' } };
  }
  const paths = stackPaths(config.DATA_DIR);
  const postgres = await ports.open('POSTGRES_PORT', (port) =>
    startEmbeddedPostgres({
      dataDir: paths.postgres,
      port,
      logFile: paths.log('postgres'),
      pathEnv: env['PATH'] ?? '',
      runDir: paths.run,
      restart: true,
      logger,
    }),
  );
  lifecycle.add('postgres', postgres, (open) => open.stop());
  const part = {
    name: 'PostgreSQL',
    address: `${LOOPBACK}:${postgres.port}`,
    state: `embedded${ports.moved('POSTGRES_PORT')}`,
  };
  return { url: postgres.url, embeddedPort: postgres.port, part };
}

const UI = 'Temporal Web UI';

interface StartedTemporal {
  readonly address: string;
  readonly uiUrl: string | undefined;
  readonly parts: readonly StackPart[];
}

/** Temporal: the configured server, else a dev server on a file in DATA_DIR. */
export async function startTemporal(
  options: StackOptions,
  lifecycle: Lifecycle,
  ports: StackPorts,
): Promise<StartedTemporal> {
  const { config, env, logger } = options;
  if (config.TEMPORAL_ADDRESS !== undefined) {
    await addSearchAttributes({ ...config, TEMPORAL_ADDRESS: config.TEMPORAL_ADDRESS }, logger);
    const address = config.TEMPORAL_ADDRESS;
    const uiUrl = config.TEMPORAL_UI_URL;
    return {
      address,
      uiUrl,
      parts: [
        { name: 'Temporal', address, state: 'yours' },
        ...(uiUrl === undefined ? [] : [{ name: UI, address: uiUrl, state: 'yours' }]),
      ],
    };
  }
  const paths = stackPaths(config.DATA_DIR);
  const binary = await provideTemporalBinary({
    cliPath: config.TEMPORAL_CLI_PATH,
    downloadBase: config.TEMPORAL_CLI_DOWNLOAD_BASE,
    cacheDir: options.cacheDir,
    pathEnv: env['PATH'] ?? '',
    childEnv: env,
    report: options.report,
    signal: options.signal,
  });
  const startOn = (port: number, uiPort: number): Promise<TemporalDevServer> =>
    startTemporalDevServer({
      binary: binary.path,
      dataFile: paths.temporal,
      ip: LOOPBACK,
      port,
      uiPort,
      logFile: paths.log('temporal'),
      namespace: config.TEMPORAL_NAMESPACE,
      searchAttributes: SEARCH_ATTRIBUTES,
      env,
      runDir: paths.run,
      restart: true,
      signal: options.signal,
      logger,
    });
  const server = await ports.open('TEMPORAL_PORT', (port) =>
    ports.open('TEMPORAL_UI_PORT', (uiPort) => startOn(port, uiPort)),
  );
  lifecycle.add('temporal', server, (open) => open.stop());
  const state = `dev server ${binary.serverVersion}${ports.moved('TEMPORAL_PORT')}`;
  const uiUrl = server.uiUrl ?? '';
  return {
    address: server.address,
    uiUrl,
    parts: [
      { name: 'Temporal', address: server.address, state },
      { name: UI, address: uiUrl, state: `ready${ports.moved('TEMPORAL_UI_PORT')}` },
    ],
  };
}

/** A server of the person's own may forbid it; then they are told what to add. */
async function addSearchAttributes(
  config: Config & { readonly TEMPORAL_ADDRESS: string },
  logger: Logger,
): Promise<void> {
  try {
    const connection = await Connection.connect({
      ...connectionOptions(config),
      connectTimeout: '10s',
    });
    try {
      await ensureSearchAttributes(connection, config.TEMPORAL_NAMESPACE, SEARCH_ATTRIBUTES);
    } finally {
      await connection.close();
    }
  } catch (error) {
    const command = SEARCH_ATTRIBUTES.map((name) => `--name ${name} --type Keyword`).join(' ');
    logger.warn(
      { error: messageOf(error) },
      `Search attributes were not added; do it once: temporal operator search-attribute create ${command}`,
    );
  }
}

export interface StartedComfy {
  /** What the roles must know beside the launcher's environment. */
  readonly env: Environment;
  /** Address of the only server; undefined with a list of them. */
  readonly url: string | undefined;
  readonly parts: readonly StackPart[];
}

/** ComfyUI: the configured servers, else the simulator. */
export async function startComfy(
  options: StackOptions,
  lifecycle: Lifecycle,
  ports: StackPorts,
): Promise<StartedComfy> {
  const { config } = options;
  if (!config.simulation)
    return {
      env:
        config.COMFY_HTTP_URL === undefined
          ? {}
          : { COMFY_HTTP_URL: config.COMFY_HTTP_URL, COMFY_WS_URL: config.COMFY_WS_URL },
      url: config.COMFY_HTTP_URL,
      parts: config.servers.map(({ id, httpUrl }) => ({
        name: config.COMFY_SERVERS === undefined ? 'ComfyUI' : `ComfyUI ${id}`,
        address: new URL(httpUrl).origin,
        state: 'yours',
      })),
    };
  const data = stackPaths(config.DATA_DIR).simulator;
  const url = await ports.open('SIM_PORT', async (port) => {
    const simulator = await startRoleProcess({
      ...roleOptions(options, 'simulator', options.env),
      args: ['simulator', '--port', String(port), '--data', data],
    });
    lifecycle.add('simulator', simulator, (open) => open.process.stop());
    return `http://${LOOPBACK}:${port}`;
  });
  const state = `simulated${ports.moved('SIM_PORT')}`;
  return { env: { COMFY_HTTP_URL: url }, url, parts: [{ name: 'ComfyUI', address: url, state }] };
}
