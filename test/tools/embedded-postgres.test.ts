import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { startEmbeddedPostgres } from '../../src/dev/embedded-postgres.ts';
import type { EmbeddedPostgres, EmbeddedPostgresOptions } from '../../src/dev/embedded-postgres.ts';
import { ephemeralPort } from '../../src/dev/ports.ts';
import { isAlive } from '../../src/dev/process-identity.ts';
import { silentLogger } from '../../src/telemetry.ts';

let folder: string;
let running: EmbeddedPostgres[];

// One data folder for the file, because making one costs more than all the rest; every test leaves it startable.
beforeAll(async () => {
  // The folder is private (0700): as root this is the hard case.
  folder = await mkdtemp(join(tmpdir(), 'embedded-postgres-'));
});

beforeEach(() => {
  running = [];
});

afterEach(async () => {
  await Promise.all(running.map((server) => server.stop()));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const optionsFor = (port: number): EmbeddedPostgresOptions => ({
  dataDir: join(folder, 'data'),
  port,
  logFile: join(folder, 'postgres.log'),
  pathEnv: process.env['PATH'] ?? '',
  logger: silentLogger,
});

const start = async (options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> => {
  const server = await startEmbeddedPostgres({
    ...optionsFor(await ephemeralPort('127.0.0.1')),
    ...options,
  });
  running.push(server);
  return server;
};

const query = async <T>(url: string, text: string): Promise<T[]> => {
  const sql = postgres(url, { max: 1, onnotice: () => undefined, connect_timeout: 2 });
  try {
    return [...(await sql.unsafe<T[]>(text))];
  } finally {
    await sql.end({ timeout: 1 });
  }
};

it('makes its data, keeps it over a stop, and lets only the password in', async () => {
  const first = await start();
  await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS n');
  const wrong = first.url.replace(/:[^:@]+@/, ':wrong@');
  await expect(query(wrong, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
  expect((await stat(join(folder, 'data', 'password'))).mode & 0o777).toBe(0o600);
  await first.stop();
  expect(isAlive(first.pid)).toBe(false);

  const second = await start();
  expect(await query(second.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
  expect(await query(second.url, 'SHOW listen_addresses')).toEqual([
    { listen_addresses: '127.0.0.1' },
  ]);
  expect(await query(second.url, 'SHOW server_encoding')).toEqual([{ server_encoding: 'UTF8' }]);
});

it('starts on the data of a server that was killed', async () => {
  const killed = await start();
  await query(killed.url, 'CREATE TABLE survived AS SELECT 7 AS n');
  process.kill(killed.pid, 'SIGKILL');
  await killed.exited;
  const next = await start();
  expect(await query(next.url, 'SELECT n FROM survived')).toEqual([{ n: 7 }]);
});

it('comes back by itself on the same address when asked to', async () => {
  const server = await start({ restart: true });
  process.kill(server.pid, 'SIGKILL');
  await vi.waitFor(
    async () => expect(await query(server.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]),
    {
      timeout: 15_000,
      interval: 100,
    },
  );
});

it('shuts down the server that a killed launcher left behind', async () => {
  const module = pathToFileURL(join(import.meta.dirname, '../../src/dev/embedded-postgres.ts'));
  const options = { ...optionsFor(await ephemeralPort('127.0.0.1')), logger: undefined };
  const launcher = spawn(
    process.execPath,
    [
      ...['--import', 'tsx', '--input-type=module', '-e'],
      `const { startEmbeddedPostgres } = await import(${JSON.stringify(module.href)});
       const quiet = () => undefined;
       const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => logger };
       const { pid } = await startEmbeddedPostgres({ ...${JSON.stringify(options)}, logger });
       console.log(pid);`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], cwd: join(import.meta.dirname, '../..') },
  );
  const said = await new Promise<string>((done) => launcher.stdout.once('data', done));
  const orphan = Number(String(said));
  launcher.kill('SIGKILL');
  await new Promise((done) => launcher.once('exit', done));
  expect(isAlive(orphan)).toBe(true);

  const next = await start({ port: options.port });
  expect(isAlive(orphan)).toBe(false);
  expect(await query(next.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
});

it('does not take a stranger with the pid of the old server for a server', async () => {
  await (await start()).stop();
  // A container gives low pids again and again: the file then names somebody else.
  const pidFile = join(folder, 'data', 'cluster', 'postmaster.pid');
  await writeFile(pidFile, `${process.ppid}\n/elsewhere\n1\n1\n\n127.0.0.1\n  1  1\nready   \n`);
  const next = await start();
  expect(await query(next.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  expect(isAlive(process.ppid)).toBe(true);
});

it('refuses data of another major version and a missing password in words', async () => {
  await (await start()).stop();
  const cluster = join(folder, 'data', 'cluster');
  const version = await readFile(join(cluster, 'PG_VERSION'), 'utf8');
  await writeFile(join(cluster, 'PG_VERSION'), '12\n');
  await expect(start()).rejects.toThrow(/was made by PostgreSQL 12, the installed one is \d+/);
  await writeFile(join(cluster, 'PG_VERSION'), version);
  const password = join(folder, 'data', 'password');
  await rename(password, `${password}.away`);
  await expect(start()).rejects.toThrow(/password is missing/);
  await rename(`${password}.away`, password);
});

it('shows the end of the log when the server does not start', async () => {
  await (await start()).stop();
  const settings = join(folder, 'data', 'cluster', 'postgresql.auto.conf');
  await writeFile(settings, 'no_such_setting = 1\n');
  await expect(start()).rejects.toThrow(/unrecognized configuration parameter/);
  await writeFile(settings, '');
});
