import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createLifecycle } from '../lifecycle.ts';
import { lockDataDir } from './data-dir-lock.ts';
import { stopOrphans } from './process-record.ts';
import { settled } from './settled.ts';
import { startComfy, startDatabase, startTemporal } from './stack-engines.ts';
import type { StackOptions, StackPart } from './stack-options.ts';
import { stackPaths } from './stack-paths.ts';
import { choosePorts } from './stack-ports.ts';
import { startRoles } from './stack-roles.ts';

export interface Stack {
  readonly url: string;
  readonly temporalAddress: string;
  readonly temporalUiUrl: string | undefined;
  readonly databaseUrl: string;
  readonly parts: readonly StackPart[];
  /** Stops api and workers and starts them again, for `dev`. */
  restartRoles(): Promise<void>;
  /** Drains and stops everything in reverse order. */
  stop(): Promise<void>;
}

/** Brings up what is not configured to be elsewhere, then api and workers. Releases everything when a part fails. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { config, logger } = options;
  const lifecycle = createLifecycle(logger);
  const paths = stackPaths(config.DATA_DIR);
  try {
    await mkdir(paths.logs, { recursive: true });
    lifecycle.add('lock', await lockDataDir(config.DATA_DIR), (lock) => lock.release());
    await stopOrphans(paths.run, { logger });
    const ports = await choosePorts(config);
    const [database, temporal, comfy] = await settled([
      startDatabase(options, lifecycle, ports.POSTGRES_PORT),
      startTemporal(options, lifecycle, ports),
      startComfy(options, lifecycle, ports.SIM_PORT),
    ]);
    const env = {
      ...options.env,
      DATABASE_URL: database.url,
      TEMPORAL_ADDRESS: temporal.address,
      COMFY_HTTP_URL: comfy.httpUrl,
      ...(comfy.wsUrl ? { COMFY_WS_URL: comfy.wsUrl } : {}),
      PORT: String(ports.PORT),
    };
    const roles = await startRoles(options, env);
    lifecycle.add('roles', roles, (open) => open.stop());
    const url = `http://${config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST}:${ports.PORT}`;
    const parts: StackPart[] = [
      { name: 'API', address: url, state: 'ready' },
      { name: 'Workers', address: 'cpu, gpu', state: 'polling' },
      database.part,
      temporal.part,
      ...(temporal.uiUrl
        ? [{ name: 'Temporal Web UI', address: temporal.uiUrl, state: 'ready' }]
        : []),
      comfy.part,
    ];
    await writeFile(paths.state, JSON.stringify({ pid: process.pid, ports, parts }, null, 2));
    lifecycle.add('state file', paths.state, (path) => rm(path, { force: true }));
    return {
      url,
      temporalAddress: temporal.address,
      temporalUiUrl: temporal.uiUrl,
      databaseUrl: database.url,
      parts,
      restartRoles: () => roles.restart(),
      stop: () => lifecycle.release(),
    };
  } catch (error) {
    await lifecycle.release();
    throw error;
  }
}
