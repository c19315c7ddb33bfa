import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { connectDatabase } from '../../src/db/connect.ts';
import { migrate } from '../../src/db/migrate.ts';
import { choosePort } from '../../src/dev/ports.ts';
import { startEmbeddedPostgres } from '../../src/dev/embedded-postgres.ts';
import { provideTemporalBinary } from '../../src/dev/temporal-binary.ts';
import { startTemporalDevServer } from '../../src/dev/temporal-server.ts';
import { userCacheDir } from '../../src/dev/user-cache.ts';
import { SEARCH_ATTRIBUTES } from '../../src/domain/naming.ts';
import { silentLogger } from '../../src/telemetry.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string;
    temporalAddress: string;
    temporalBinary: string;
  }
}

export const TEMPLATE_DATABASE = 'orchestrator_template';

/** One real PostgreSQL and one real Temporal server per run; tests are isolated by database and namespace. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'orchestrator-test-'));
  const pathEnv = process.env['PATH'] ?? '';
  // Ephemeral, so that two runs on one machine do not meet.
  const free = (name: string): Promise<number> =>
    choosePort({ name, preferred: 0, explicit: false, host: '127.0.0.1' });
  const postgres = await startEmbeddedPostgres({
    dataDir: join(dir, 'postgres'),
    port: await free('POSTGRES_PORT'),
    logFile: join(dir, 'postgres.log'),
    pathEnv,
    logger: silentLogger,
  });
  const sql = connectDatabase({ url: postgres.url, maxConnections: 1, applicationName: 'test' });
  await sql`create database ${sql(TEMPLATE_DATABASE)}`;
  await sql.end();
  const template = new URL(postgres.url);
  template.pathname = `/${TEMPLATE_DATABASE}`;
  const inTemplate = connectDatabase({
    url: template.href,
    maxConnections: 1,
    applicationName: 'test',
  });
  await migrate(inTemplate);
  await inTemplate.end();

  const binary = await provideTemporalBinary({
    cliPath: process.env['TEMPORAL_CLI_PATH'],
    cacheDir: userCacheDir(process.env, process.platform, homedir()),
    pathEnv,
    childEnv: process.env,
    report: ({ message }) => void process.stderr.write(`${message}\n`),
    signal: AbortSignal.timeout(20 * 60_000),
  });
  const temporal = await startTemporalDevServer({
    binary: binary.path,
    dataFile: join(dir, 'temporal.db'),
    ip: '127.0.0.1',
    port: await free('TEMPORAL_PORT'),
    logFile: join(dir, 'temporal.log'),
    searchAttributes: SEARCH_ATTRIBUTES,
    env: process.env,
    logger: silentLogger,
  });
  project.provide('postgresUrl', postgres.url);
  project.provide('temporalAddress', temporal.address);
  project.provide('temporalBinary', binary.path);
  return async () => {
    await temporal.stop();
    await postgres.stop();
    await rm(dir, { recursive: true, force: true });
  };
}
