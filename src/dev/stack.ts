import { mkdir, rm } from 'node:fs/promises';
import { shownAddress } from '../executors/comfyui/urls.ts';
import { createLifecycle } from '../lifecycle.ts';
import { lockDataDir } from './data-dir-lock.ts';
import { limitLogs } from './log-file.ts';
import { stopOrphans } from './process-record.ts';
import { settled } from './settled.ts';
import { startComfy, startDatabase, startTemporal } from './stack-engines.ts';
import type { StackOptions, StackPart } from './stack-options.ts';
import { stackPaths } from './stack-paths.ts';
import { createStackPorts, portsToOpen } from './stack-ports.ts';
import { startRoles } from './stack-roles.ts';
import { writeStackState } from './stack-state.ts';

export interface Stack {
  readonly url: string;
  readonly temporalUiUrl: string | undefined;
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
    const ports = createStackPorts(config);
    await ports.assertSetPortsFree(portsToOpen(config));
    lifecycle.add('logs', limitLogs(paths.logs), (limit) => limit.close());
    const [database, temporal, comfy] = await settled([
      startDatabase(options, lifecycle, ports),
      startTemporal(options, lifecycle, ports),
      startComfy(options, lifecycle, ports),
    ]);
    const env = {
      ...options.env,
      DATABASE_URL: database.url,
      TEMPORAL_ADDRESS: temporal.address,
      ...comfy.env,
    };
    const roles = await startRoles(options, env, ports);
    lifecycle.add('roles', roles, (open) => open.stop());
    const url = `http://${reachableHost(config.HOST)}:${roles.port}`;
    const parts: StackPart[] = [
      { name: 'API', address: url, state: `ready${ports.moved('PORT')}` },
      { name: 'Workers', address: 'cpu, gpu', state: 'polling' },
      ...metricsPart(config),
      database.part,
      ...temporal.parts,
      ...comfy.parts,
    ];
    const stateFile = await writeStackState(config.DATA_DIR, {
      url,
      temporalAddress: temporal.address,
      ...(comfy.url === undefined ? {} : { comfyUrl: shownAddress(comfy.url) }),
      ...(database.embeddedPort === undefined ? {} : { postgresPort: database.embeddedPort }),
      parts,
    });
    lifecycle.add('state file', stateFile, (path) => rm(path, { force: true }));
    return {
      url,
      temporalUiUrl: temporal.uiUrl,
      parts,
      restartRoles: () => roles.restart(),
      stop: () => lifecycle.release(),
    };
  } catch (error) {
    await lifecycle.release();
    throw error;
  }
}

/** Where Prometheus finds API and workers; nothing without a port of ours. */
const metricsPart = ({ METRICS_HOST, METRICS_PORT }: StackOptions['config']): StackPart[] =>
  METRICS_PORT
    ? [
        {
          name: 'Metrics',
          address: `http://${reachableHost(METRICS_HOST)}:${METRICS_PORT}/metrics`,
          state: `of the API; of the workers at ${METRICS_PORT + 1}`,
        },
      ]
    : [];

/** How a browser on this machine writes the address. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
