import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { HOST, NAMESPACE, childEnv } from '../../bench/bench-stack.ts';
import { startNodeProgram } from '../../bench/node-program.ts';
import { connectTemporal } from '../../src/client/temporal.ts';
import { loadConfig } from '../../src/config.ts';
import { connectDatabase, type Sql } from '../../src/db/connect.ts';
import { startEmbeddedPostgres } from '../../src/dev/embedded-postgres.ts';
import { startTemporalDevServer } from '../../src/dev/temporal-server.ts';
import { SEARCH_ATTRIBUTES } from '../../src/domain/naming.ts';
import { createLifecycle } from '../../src/lifecycle.ts';
import { silentLogger } from '../../src/telemetry.ts';
import type { CallbackReceiver } from '../support/callback-receiver.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import type { Journal } from './journal.ts';
import { createPart, type Part, type Running } from './part.ts';
import { startUnreliableReceiver } from './unreliable-receiver.ts';
import { gpuWorkerOf, linkTo, serverName, simulatorOf } from './schedule.ts';
import { lastingPort } from '../support/lasting-port.ts';

export interface ChaosStackOptions {
  readonly dir: string;
  readonly servers: number;
  readonly apis: number;
  readonly cpuWorkers: number;
  readonly lostAfterMs: number;
  readonly temporalBinary: string;
  /** Arguments of Node that run the CLI: the built one, or the source through tsx. */
  readonly program: readonly string[];
  /** Arguments of Node that run a gpu worker in place of the CLI's. */
  readonly gpuWorker?: readonly string[];
}

/** A simulator with what stands around it. */
export interface ChaosServer {
  readonly id: string;
  /** Where it really listens, past the link. */
  readonly url: string;
  readonly dataDir: string;
  readonly executionLog: string;
  /** Between its gpu worker and it. */
  readonly link: TcpProxy;
}

export interface ChaosStack {
  readonly urls: readonly string[];
  readonly servers: readonly ChaosServer[];
  readonly receiver: CallbackReceiver;
  readonly sql: Sql;
  readonly client: Client;
  /** Throws when there is none of that name. */
  part(name: string): Part;
  stop(): Promise<void>;
}

const STEP_MS = 200;
/** The first start of everything, on a machine that does other things as well. */
const READY_MS = 180_000;

/** Every part a process of its own on a port that stays. Stops what it started when one fails. */
export async function startChaosStack(
  options: ChaosStackOptions,
  journal: Journal,
): Promise<ChaosStack> {
  const { dir } = options;
  const lifecycle = createLifecycle(silentLogger);
  const parts = new Map<string, Part>();
  const begin = async (name: string, launch: () => Promise<Running>): Promise<void> => {
    const part = createPart(name, launch, journal);
    parts.set(name, part);
    lifecycle.add(name, part, (open) => open.stop());
    await part.start();
  };
  const program = (
    name: string,
    args: readonly string[],
    env: Record<string, string>,
  ): Promise<void> => {
    const home = join(dir, name);
    return mkdir(home, { recursive: true }).then(() =>
      begin(name, async () => {
        const { process } = await startNodeProgram({
          ...{ name, args, dir: home },
          env: { ...childEnv(), ...env },
        });
        return process;
      }),
    );
  };
  const port = (): Promise<number> => lastingPort(HOST);

  try {
    const [postgresPort, temporalPort] = await Promise.all([port(), port()]);
    let databaseUrl = '';
    await begin('postgres', async () => {
      const postgres = await startEmbeddedPostgres({
        dataDir: join(dir, 'postgres'),
        port: postgresPort,
        logFile: join(dir, 'postgres.log'),
        pathEnv: childEnv()['PATH'] ?? '',
        logger: silentLogger,
      });
      databaseUrl = postgres.url;
      return postgres;
    });
    await begin('temporal', () =>
      startTemporalDevServer({
        binary: options.temporalBinary,
        dataFile: join(dir, 'temporal.db'),
        ip: HOST,
        port: temporalPort,
        logFile: join(dir, 'temporal.log'),
        searchAttributes: SEARCH_ATTRIBUTES,
        env: childEnv(),
        logger: silentLogger,
      }),
    );
    const env: Record<string, string> = {
      DATABASE_URL: databaseUrl,
      TEMPORAL_ADDRESS: `${HOST}:${temporalPort}`,
      TEMPORAL_NAMESPACE: NAMESPACE,
      DATA_DIR: dir,
      MIN_FREE_BYTES: '0',
      COMFY_ROOM: '2',
      OUTGOING_ALLOW: HOST,
      CALLBACK_TIMEOUT_MS: '5000',
      JOB_MAX_ATTEMPTS: '10',
      SERVER_LOST_AFTER_SECONDS: String(Math.round(options.lostAfterMs / 1_000)),
    };
    const receiver = lifecycle.add('receiver', await startUnreliableReceiver(), (open) =>
      open.close(),
    );
    const servers: ChaosServer[] = [];
    for (let index = 0; index < options.servers; index += 1) {
      const id = serverName(index);
      const dataDir = join(dir, simulatorOf(id), 'files');
      const executionLog = join(dir, `${id}.executions.jsonl`);
      const url = `http://${HOST}:${await port()}`;
      await program(
        simulatorOf(id),
        [
          ...[...options.program, 'simulator', '--port', new URL(url).port],
          ...['--data', dataDir, '--execution-log', executionLog],
        ],
        { SIM_STEP_MS: String(STEP_MS), DATA_DIR: dir },
      );
      const link = lifecycle.add(linkTo(id), await startTcpProxy(new URL(url)), (open) =>
        open.close(),
      );
      servers.push({ id, url, dataDir, executionLog, link });
    }
    const urls: string[] = [];
    for (let index = 1; index <= options.apis; index += 1) {
      const listens = await port();
      await program(`api-${index}`, [...options.program, 'api'], { ...env, PORT: `${listens}` });
      urls.push(`http://${HOST}:${listens}`);
    }
    for (let index = 1; index <= options.cpuWorkers; index += 1)
      await program(`worker-cpu-${index}`, [...options.program, 'worker-cpu'], env);
    for (const { id, link } of servers)
      await program(gpuWorkerOf(id), options.gpuWorker ?? [...options.program, 'worker-gpu'], {
        ...env,
        COMFY_SERVER_ID: id,
        COMFY_HTTP_URL: `http://${HOST}:${link.port}`,
      });
    const sql = lifecycle.add(
      'database',
      connectDatabase({ url: databaseUrl, maxConnections: 4, applicationName: 'chaos' }),
      (open) => open.end({ timeout: 5 }),
    );
    const client = lifecycle.add(
      'temporal client',
      connectTemporal({ ...loadConfig(env), TEMPORAL_ADDRESS: `${HOST}:${temporalPort}` }),
      (open) => open.connection.close(),
    );
    await until(
      'every server is known',
      async () => (await sql`select from servers where reachable`).count === options.servers,
      READY_MS,
    );
    return {
      urls,
      servers,
      receiver,
      sql,
      client,
      part: (name) => {
        const part = parts.get(name);
        if (part) return part;
        throw new Error(`there is no part '${name}'; there are ${[...parts.keys()].join(', ')}`);
      },
      stop: () => lifecycle.release(),
    };
  } catch (error) {
    await lifecycle.release();
    throw error;
  }
}

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const TSX = ['--import', import.meta.resolve('tsx')];

/** A gpu worker whose submit finds nothing: see the file. */
export const BLIND_GPU_WORKER: readonly string[] = [...TSX, source('./blind-gpu-worker.ts')];
