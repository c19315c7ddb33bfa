import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { inject } from 'vitest';
import { startTemporalDevServer } from '../../src/dev/temporal-server.ts';
import { chooseServerPorts, startTemporalOnPostgres } from '../../src/dev/temporal-on-postgres.ts';
import type { TemporalServer } from '../../src/dev/temporal-process.ts';
import { SEARCH_ATTRIBUTES } from '../../src/domain/naming.ts';
import { silentLogger } from '../../src/telemetry.ts';
import { lastingPort } from './lasting-port.ts';

const HOST = '127.0.0.1';

/**
 * A Temporal server for a test that stops it, of the kind the other tests share. Each call of the result starts it
 * again on the same address and data.
 */
export async function ownTemporal(
  dir: string,
  env: Readonly<Record<string, string>>,
): Promise<() => Promise<TemporalServer>> {
  const programs = inject('temporalPrograms');
  const options = {
    ip: HOST,
    port: await lastingPort(HOST),
    logFile: join(dir, 'temporal.log'),
    searchAttributes: SEARCH_ATTRIBUTES,
    env,
    logger: silentLogger,
  };
  if (programs === null)
    return () =>
      startTemporalDevServer({
        ...options,
        binary: inject('temporalBinary'),
        dataFile: join(dir, 'temporal.db'),
      });
  const database = `temporal_${randomUUID().replaceAll('-', '')}`;
  const postgresUrl = inject('postgresUrl');
  // As in a container: a server that comes back at other ports waits for the one it was to be given up by the others.
  const ports = await chooseServerPorts(HOST, options.port);
  return () => startTemporalOnPostgres({ ...options, programs, postgresUrl, database, ports });
}
