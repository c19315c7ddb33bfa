import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { connectDatabase } from '../../src/db/connect.ts';
import { migrate } from '../../src/db/migrate.ts';
import { ephemeralPort } from '../../src/dev/ports.ts';
import { startEmbeddedPostgres } from '../../src/dev/embedded-postgres.ts';
import { provideTemporalBinary } from '../../src/dev/temporal-binary.ts';
import type { TemporalServer, TemporalServerOptions } from '../../src/dev/temporal-process.ts';
import type { TemporalPrograms } from '../../src/dev/temporal-programs.ts';
import { userCacheDir } from '../../src/dev/user-cache.ts';
import { SEARCH_ATTRIBUTES } from '../../src/domain/naming.ts';
import { silentLogger } from '../../src/telemetry.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string;
    /** Its log. */
    postgresLog: string;
    temporalAddress: string;
    /** The CLI, for operators' commands and for dev servers. */
    temporalBinary: string;
    /** The server's programs where the tests run on PostgreSQL, else null. */
    temporalPrograms: TemporalPrograms | null;
  }
}

export const TEMPLATE_DATABASE = 'orchestrator_template';
const HOST = '127.0.0.1';
const STACKS_CONNECTIONS = 300;

/** What brings a program: caches, PATH, a voice. */
export const provision = () => ({
  cacheDir: userCacheDir(process.env, process.platform, homedir()),
  pathEnv: process.env['PATH'] ?? '',
  childEnv: process.env,
  report: ({ message }: { readonly message: string }) => void process.stderr.write(`${message}\n`),
  signal: AbortSignal.timeout(20 * 60_000),
});

export interface TemporalPlace extends TemporalServerOptions {
  readonly dir: string;
  readonly temporalBinary: string;
  readonly postgresUrl: string;
}

export interface Engine {
  /** Where Temporal's data is in the same PostgreSQL. */
  readonly programs?: TemporalPrograms;
  /** (Default: enough for the stacks of two files, some of which start several.) */
  readonly postgresConnections?: number;
  startTemporal(place: TemporalPlace): Promise<TemporalServer>;
}

async function makeTemplate(postgresUrl: string): Promise<void> {
  const connect = (url: string) =>
    connectDatabase({ url, maxConnections: 1, applicationName: 'test' });
  const sql = connect(postgresUrl);
  await sql`create database ${sql(TEMPLATE_DATABASE)}`;
  await sql.end();
  const template = new URL(postgresUrl);
  template.pathname = `/${TEMPLATE_DATABASE}`;
  const inTemplate = connect(template.href);
  await migrate(inTemplate);
  await inTemplate.end();
}

/** One real PostgreSQL and one real Temporal server per run; tests are isolated by database and namespace. */
export async function setUpEngines(
  project: TestProject,
  engine: Engine,
): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'orchestrator-test-'));
  const binary = await provideTemporalBinary({
    ...provision(),
    cliPath: process.env['TEMPORAL_CLI_PATH'],
  });
  // Ephemeral ports, so that two runs on one machine do not meet.
  const postgresLog = join(dir, 'postgres.log');
  const postgres = await startEmbeddedPostgres({
    dataDir: join(dir, 'postgres'),
    port: await ephemeralPort(HOST),
    logFile: postgresLog,
    pathEnv: process.env['PATH'] ?? '',
    logger: silentLogger,
    maxConnections: engine.postgresConnections ?? STACKS_CONNECTIONS,
  });
  await makeTemplate(postgres.url);
  const temporal = await engine.startTemporal({
    dir,
    temporalBinary: binary.path,
    postgresUrl: postgres.url,
    ip: HOST,
    port: await ephemeralPort(HOST),
    logFile: join(dir, 'temporal.log'),
    searchAttributes: SEARCH_ATTRIBUTES,
    env: process.env,
    logger: silentLogger,
  });
  project.provide('postgresUrl', postgres.url);
  project.provide('postgresLog', postgresLog);
  project.provide('temporalAddress', temporal.address);
  project.provide('temporalBinary', binary.path);
  project.provide('temporalPrograms', engine.programs ?? null);
  return async () => {
    await temporal.stop();
    await postgres.stop();
    await rm(dir, { recursive: true, force: true });
  };
}
