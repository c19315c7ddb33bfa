import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { connectDatabase, type Sql } from '../src/db/connect.ts';
import { startEmbeddedPostgres } from '../src/dev/embedded-postgres.ts';
import { ephemeralPort } from '../src/dev/ports.ts';
import { provideTemporalBinary } from '../src/dev/temporal-binary.ts';
import { startTemporalOnPostgres } from '../src/dev/temporal-on-postgres.ts';
import { provideTemporalPrograms } from '../src/dev/temporal-programs.ts';
import type { TemporalServer } from '../src/dev/temporal-process.ts';
import { startTemporalDevServer } from '../src/dev/temporal-server.ts';
import { userCacheDir } from '../src/dev/user-cache.ts';
import { SEARCH_ATTRIBUTES } from '../src/domain/naming.ts';
import { createLifecycle } from '../src/lifecycle.ts';
import { silentLogger } from '../src/telemetry.ts';
import { startBareRuns, type BareRuns } from './bare-runs.ts';
import { CLI, startNodeProgram, type NodeProgram } from './node-program.ts';

export const HOST = '127.0.0.1';
export const NAMESPACE = 'default';

/** Where the bench's Temporal keeps its data: a file of the dev server, or the bench's PostgreSQL. */
export const ENGINES = ['dev', 'postgres'] as const;
export type EngineName = (typeof ENGINES)[number];

export interface BenchStackOptions {
  readonly dir: string;
  readonly engine: EngineName;
  /** COMFY_ROOM of the worker; undefined for the default. */
  readonly room: number | undefined;
  /** A ComfyUI that runs already. (Default: simulators are started.) */
  readonly comfyUrl?: string;
  /** How many. (Default: one) */
  readonly simulators?: number;
  /** Further environment of the simulators and of the worker. */
  readonly simulatorEnv?: Readonly<Record<string, string>>;
  readonly workerEnv?: Readonly<Record<string, string>>;
  /** Of the worker and of the api. */
  readonly rolesEnv?: Readonly<Record<string, string>>;
  /** A part that ends by itself is started again at the same place, as `npm start` does. (Default: false) */
  readonly restart?: boolean;
  /** V8 CPU profiles of api and worker land here. */
  readonly profileDir?: string;
  readonly say: (text: string) => void;
}

export type PartName = 'api' | 'worker' | 'simulator' | 'temporal' | 'postgres' | 'bare worker';

/** Everything that is measured, each part in a process of its own. */
export interface BenchStack {
  readonly url: string;
  /** Of the servers that draw. */
  readonly comfyUrls: readonly string[];
  readonly temporalBinary: string;
  readonly bare: BareRuns;
  readonly sql: Sql;
  /** Of the processes that run now. The simulator is only among them where one was started. */
  readonly pids: Readonly<Record<string, number>>;
  /** Milliseconds from the start of a part to its readiness, on an empty folder. */
  readonly readyMs: Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

/** What every child needs of the environment; nothing else of it may change the figures. */
export const childEnv = (): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  HOME: homedir(),
});

const provision = (say: (text: string) => void) => ({
  cacheDir: userCacheDir(process.env, process.platform, homedir()),
  pathEnv: process.env['PATH'] ?? '',
  childEnv: process.env,
  report: ({ message }: { readonly message: string }) => say(message),
  signal: AbortSignal.timeout(20 * 60_000),
});

/** The pinned Temporal CLI; brought as `npm start` brings it. */
export async function findTemporalBinary(say: (text: string) => void): Promise<string> {
  const cliPath = process.env['TEMPORAL_CLI_PATH'];
  const binary = await provideTemporalBinary({ ...provision(say), cliPath });
  return binary.path;
}

const simulatorsOf = ({ comfyUrl, simulators = 1 }: BenchStackOptions): number =>
  comfyUrl === undefined ? simulators : 0;

/** The one server by the short way, several as a list: `gpu-1`, `gpu-2`, … */
const serversEnv = (urls: readonly string[]): Record<string, string> =>
  urls.length === 1
    ? { COMFY_HTTP_URL: urls[0] ?? '' }
    : {
        COMFY_SERVERS: JSON.stringify(urls.map((url, index) => ({ id: `gpu-${index + 1}`, url }))),
      };

/** How the Temporal of this engine is started; a build comes before the clock. */
async function prepareTemporal(
  { engine, dir, restart = false, say }: BenchStackOptions,
  binary: string,
): Promise<(postgresUrl: string) => Promise<TemporalServer>> {
  const options = {
    ip: HOST,
    port: await ephemeralPort(HOST),
    logFile: join(dir, 'temporal.log'),
    searchAttributes: SEARCH_ATTRIBUTES,
    env: childEnv(),
    restart,
    logger: silentLogger,
  };
  if (engine === 'dev')
    return () => startTemporalDevServer({ ...options, binary, dataFile: join(dir, 'temporal.db') });
  const serverDir = process.env['TEMPORAL_SERVER_DIR'];
  const programs = await provideTemporalPrograms({ ...provision(say), serverDir });
  return (postgresUrl) => startTemporalOnPostgres({ ...options, programs, postgresUrl });
}

/** PostgreSQL, Temporal, simulators, api, worker and the bare worker. Stops what it started when one fails. */
export async function startBenchStack(options: BenchStackOptions): Promise<BenchStack> {
  const { dir, restart = false, say } = options;
  const lifecycle = createLifecycle(silentLogger);
  await mkdir(dir, { recursive: true });
  const readyMs: Record<string, number> = {};
  const clocked = async <T>(name: string, start: () => Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    const part = await start();
    readyMs[name] = performance.now() - startedAt;
    return part;
  };
  const program = async (name: string, args: string[], env: Record<string, string>) => {
    const profile = options.profileDir
      ? [
          '--cpu-prof',
          '--cpu-prof-dir',
          options.profileDir,
          '--cpu-prof-name',
          `${name}.cpuprofile`,
        ]
      : [];
    const started = await clocked(name, () =>
      startNodeProgram({
        name,
        args: [...profile, CLI, ...args],
        env: { ...childEnv(), ...env },
        ...{ dir, restart },
      }),
    );
    return lifecycle.add(name, started, (open) => open.process.stop());
  };
  try {
    const temporalBinary = await findTemporalBinary(say);
    const startTemporal = await prepareTemporal(options, temporalBinary);
    const postgresPort = await ephemeralPort(HOST);
    const postgres = await clocked('postgres', () =>
      startEmbeddedPostgres({
        dataDir: join(dir, 'postgres'),
        port: postgresPort,
        logFile: join(dir, 'postgres.log'),
        pathEnv: childEnv()['PATH'] ?? '',
        logger: silentLogger,
        // As in docker-compose.yml.
        maxConnections: 300,
        restart,
      }),
    );
    lifecycle.add('postgres', postgres, (open) => open.stop());
    const temporal = await clocked('temporal', () => startTemporal(postgres.url));
    lifecycle.add('temporal', temporal, (open) => open.stop());
    const simulators: NodeProgram[] = [];
    const urls = options.comfyUrl === undefined ? [] : [options.comfyUrl];
    for (let number = 1; number <= simulatorsOf(options); number += 1) {
      const name = number === 1 ? 'simulator' : `simulator-${number}`;
      const port = await ephemeralPort(HOST);
      const args = ['simulator', '--port', String(port), '--data', join(dir, name)];
      const simulatorEnv = { SIM_STEP_MS: '0', DATA_DIR: dir, ...options.simulatorEnv };
      simulators.push(await program(name, args, simulatorEnv));
      urls.push(`http://${HOST}:${port}`);
    }
    const env = {
      DATABASE_URL: postgres.url,
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: NAMESPACE,
      ...serversEnv(urls),
      COMFY_ROOM: String(options.room ?? 'auto'),
      DATA_DIR: dir,
      MIN_FREE_BYTES: '0',
      ...options.rolesEnv,
    };
    const port = String(await ephemeralPort(HOST));
    const api = await program('api', ['api'], { ...env, PORT: port });
    const worker = await program('worker', ['worker'], { ...env, ...options.workerEnv });
    const bare = lifecycle.add(
      'bare worker',
      await startBareRuns({
        ...{ name: 'bare-worker', address: temporal.address, namespace: NAMESPACE, dir },
        env: childEnv(),
      }),
      (open) => open.stop(),
    );
    const database = { url: postgres.url, maxConnections: 1, applicationName: 'bench' };
    const sql = lifecycle.add('database', connectDatabase(database), (open) => open.end());
    if (api.url === undefined) throw new Error('the api did not say where it listens');
    return {
      url: api.url,
      comfyUrls: urls,
      temporalBinary,
      bare,
      sql,
      get pids() {
        const drawing = simulators.map((one, index) => [
          index === 0 ? 'simulator' : `simulator-${index + 1}`,
          one.process.pid,
        ]);
        return {
          ...{ api: api.process.pid, worker: worker.process.pid },
          ...(Object.fromEntries(drawing) as Record<string, number>),
          ...{ temporal: temporal.pid, postgres: postgres.pid, 'bare worker': bare.pid },
        };
      },
      readyMs,
      stop: () => lifecycle.release(),
    };
  } catch (error) {
    await lifecycle.release();
    throw error;
  }
}
