import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import postgres from 'postgres';
import { OrchestratorError, messageOf } from '../errors.ts';
import type { Logger } from '../ports.ts';
import { readLogTail } from './log-file.ts';
import { assertPortFree } from './ports.ts';
import { findPostgresBinaries, readPostgresMajor } from './postgres-binaries.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { readPostmasterFile, stopOrphanPostmaster } from './postmaster.ts';
import { startProcess } from './supervisor.ts';
import type { ManagedProcess } from './supervisor.ts';
import { chooseRunAs } from './unprivileged-user.ts';
import type { RunAs } from './unprivileged-user.ts';

export interface EmbeddedPostgresOptions {
  /** Holds `cluster/` (PostgreSQL's own files) and `password` (0600). */
  readonly dataDir: string;
  readonly port: number;
  readonly logFile: string;
  readonly pathEnv: string;
  readonly logger: Logger;
  /** (Default: `orchestrator`) */
  readonly database?: string;
  /** `max_connections`. (Default: 100) */
  readonly maxConnections?: number;
  /** Start it again when it ends by itself. (Default: false) */
  readonly restart?: boolean;
  /** Where the pid is noted for `stopOrphans`. */
  readonly runDir?: string;
  /** (Default: 60,000; crash recovery of a large database takes its time) */
  readonly readyTimeoutMs?: number;
}

export interface EmbeddedPostgres {
  /** With user and password. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly exited: ManagedProcess['exited'];
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const USER = 'orchestrator';
const DATABASE = 'orchestrator';
const DRAFT_PREFIX = 'cluster.draft-';

/** Sized for a small machine that also draws; durability stays on. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: HOST,
  // TCP with a password is the only door; a socket path may also be too long for the system.
  unix_socket_directories: '',
  shared_buffers: '128MB',
  synchronous_commit: 'on',
  fsync: 'on',
  max_wal_size: '512MB',
  log_checkpoints: 'off',
  log_timezone: 'UTC',
  timezone: 'UTC',
};

const settingArguments = ({ port, maxConnections = 100 }: EmbeddedPostgresOptions): string[] =>
  Object.entries({
    ...SETTINGS,
    port: String(port),
    max_connections: String(maxConnections),
  }).flatMap(([key, value]) => ['-c', `${key}=${value}`]);

const readPassword = async (dataDir: string): Promise<string | undefined> =>
  readFile(join(dataDir, 'password'), 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  );

const runInitdb = (
  binaries: PostgresBinaries,
  runAs: RunAs,
  draft: string,
  passwordFile: string,
  pathEnv: string,
): Promise<void> => {
  const { command, args, ...user } = runAs.wrap(binaries.initdb, [
    ...['--pgdata', draft, '--username', USER, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
    ...['--encoding', 'UTF8', '--locale', 'C', '--locale-provider', 'builtin'],
    ...['--builtin-locale', 'C.UTF-8', '--no-instructions'],
  ]);
  return new Promise((done, reject) => {
    execFile(
      command,
      args,
      { ...user, cwd: draft, env: { PATH: pathEnv, LC_ALL: 'C' }, timeout: 120_000 },
      (error, stdout, stderr) => {
        if (error === null) done();
        else reject(new Error((stderr.trim() || stdout.trim() || error.message).slice(-1500)));
      },
    );
  });
};

/** Makes the cluster in a draft folder and renames it, so that a killed first start leaves nothing half-made. */
const createCluster = async (
  options: EmbeddedPostgresOptions,
  dataDir: string,
  binaries: PostgresBinaries,
  runAs: RunAs,
): Promise<string> => {
  for (const entry of await readdir(dataDir))
    if (entry.startsWith(DRAFT_PREFIX)) await rm(join(dataDir, entry), { recursive: true });
  const password = randomBytes(24).toString('base64url');
  const draft = join(dataDir, `${DRAFT_PREFIX}${process.pid}`);
  const passwordFile = join(dataDir, `${DRAFT_PREFIX}password`);
  await mkdir(draft, { mode: 0o700 });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (runAs.owner !== undefined) {
    await chown(draft, runAs.owner.uid, runAs.owner.gid);
    await chown(passwordFile, runAs.owner.uid, runAs.owner.gid);
  }
  try {
    await runInitdb(binaries, runAs, draft, passwordFile, options.pathEnv);
    await writeFile(join(dataDir, 'password'), `${password}\n`, { mode: 0o600 });
    await rename(draft, join(dataDir, 'cluster'));
    return password;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw new OrchestratorError(
      'configuration',
      `The embedded PostgreSQL could not make its data folder in ${dataDir}: ${messageOf(error)}`,
      { cause: error },
    );
  } finally {
    await rm(passwordFile, { force: true });
  }
};

const openCluster = async (
  dataDir: string,
  binaries: PostgresBinaries,
  made: string,
): Promise<string> => {
  const needed = await readPostgresMajor(binaries.postgres);
  if (made.trim() !== needed)
    throw new OrchestratorError(
      'configuration',
      `The data in ${dataDir} was made by PostgreSQL ${made.trim()}, the installed one is ${needed}. ` +
        `Dump it with the old version and restore it, or move the folder away to start empty.`,
    );
  const password = await readPassword(dataDir);
  if (password !== undefined) return password;
  throw new OrchestratorError(
    'configuration',
    `${join(dataDir, 'password')} is missing, so the database beside it cannot be opened. ` +
      `Put the file back, or move ${dataDir} away to start empty.`,
  );
};

const untilReady = async (
  server: ManagedProcess,
  cluster: string,
  timeoutMs: number,
): Promise<void> => {
  let ended: string | undefined;
  void server.nextExit().then(({ code, signal }) => {
    ended = `it ended with ${code ?? signal ?? 'an unknown state'}`;
  });
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const file = await readPostmasterFile(cluster);
    if (file?.ready === true && file.pid === server.pid) return;
    if (ended !== undefined) throw new Error(ended);
    if (Date.now() > deadline) throw new Error(`it was not ready within ${timeoutMs / 1000} s`);
    await delay(15);
  }
};

/** Proves that the password opens the door, and makes the database on the first start. */
const ensureDatabase = async (serverUrl: string, database: string): Promise<void> => {
  const sql = postgres(`${serverUrl}/postgres`, { max: 1, onnotice: () => undefined });
  try {
    const rows = await sql`SELECT 1 FROM pg_database WHERE datname = ${database}`;
    if (rows.length === 0) await sql`CREATE DATABASE ${sql(database)}`;
  } finally {
    await sql.end({ timeout: 5 });
  }
};

const serverUrlOf = (password: string, port: number): string =>
  `postgres://${USER}:${password}@${HOST}:${port}`;

/** How the server of this data folder is reached while it runs on that port. */
export const embeddedPostgresUrl = async (dataDir: string, port: number): Promise<string> =>
  `${serverUrlOf((await readPassword(dataDir)) ?? '', port)}/${DATABASE}`;

/**
 * Starts the PostgreSQL that comes with the package on 127.0.0.1, making its data on the first start and recovering
 * after a kill. Works as root by running it under another user. Throws `configuration` with the way out.
 */
export const startEmbeddedPostgres = async (
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> => {
  const { port, logFile, logger } = options;
  const dataDir = resolve(options.dataDir);
  const cluster = join(dataDir, 'cluster');
  const binaries = await findPostgresBinaries();
  await mkdir(dataDir, { recursive: true });

  const made = await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch(() => undefined);
  const runAs = await chooseRunAs({
    reach: [binaries.postgres, cluster],
    dataOwner: made === undefined ? undefined : (await stat(cluster)).uid,
    pathEnv: options.pathEnv,
  });
  const password =
    made === undefined
      ? await createCluster(options, dataDir, binaries, runAs)
      : await openCluster(dataDir, binaries, made);
  await stopOrphanPostmaster(cluster, logger);
  await assertPortFree(HOST, port, 'POSTGRES_PORT');

  const server = await startProcess({
    name: 'postgres',
    ...runAs.wrap(binaries.postgres, ['-D', cluster, ...settingArguments(options)]),
    env: { PATH: options.pathEnv, LC_ALL: 'C' },
    logFile,
    // Fast shutdown: sessions are ended, data is written. SIGQUIT is PostgreSQL's immediate shutdown.
    stopSignal: 'SIGINT',
    forceSignal: 'SIGQUIT',
    stopTimeoutMs: 10_000,
    restart: options.restart ?? false,
    logger,
    ...(options.runDir === undefined ? {} : { runDir: options.runDir }),
  });
  const database = options.database ?? DATABASE;
  const serverUrl = serverUrlOf(password, port);
  try {
    await untilReady(server, cluster, options.readyTimeoutMs ?? 60_000);
    await ensureDatabase(serverUrl, database);
  } catch (error) {
    await server.stop();
    const tail = await readLogTail(logFile, server.logOffset);
    throw new OrchestratorError(
      'configuration',
      `The embedded PostgreSQL did not start on ${HOST}:${port}: ${messageOf(error)}. ` +
        `The end of its log (${logFile}):\n${tail === '' ? '(empty)' : tail}`,
      { cause: error },
    );
  }
  return {
    url: `${serverUrl}/${database}`,
    port,
    get pid() {
      return server.pid;
    },
    exited: server.exited,
    stop: () => server.stop(),
  };
};
