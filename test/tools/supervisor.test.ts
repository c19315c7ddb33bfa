import { spawn } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { lockDataDir } from '../../src/dev/data-dir-lock.ts';
import { identityOf, isAlive } from '../../src/dev/process-identity.ts';
import { stopOrphans } from '../../src/dev/process-record.ts';
import { startProcess } from '../../src/dev/supervisor.ts';
import type { ManagedProcess, ProcessSpec } from '../../src/dev/supervisor.ts';
import { silentLogger } from '../../src/telemetry.ts';

const STAYS = 'setInterval(() => undefined, 1000); console.log("up");';
const DEAF = `process.on("SIGTERM", () => undefined); ${STAYS}`;

let folder: string;
let running: ManagedProcess[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'supervisor-'));
  running = [];
});

afterEach(async () => {
  await Promise.all(running.map((child) => child.stop()));
  await rm(folder, { recursive: true, force: true });
});

const start = async (
  script: string,
  options: Partial<ProcessSpec> = {},
): Promise<ManagedProcess & { lines: string[] }> => {
  const lines: string[] = [];
  const child = await startProcess({
    name: 'child',
    command: process.execPath,
    args: ['-e', script],
    env: { PATH: process.env['PATH'] },
    onLine: (line) => lines.push(line),
    stopTimeoutMs: 5000,
    restart: false,
    runDir: join(folder, 'run'),
    logger: silentLogger,
    ...options,
  });
  running.push(child);
  return Object.assign(child, { lines });
};

/** Runs a launcher in a process of its own; resolves with the first line it prints. */
const startLauncher = async (body: string) => {
  const source = (name: string): string =>
    JSON.stringify(pathToFileURL(join(import.meta.dirname, `../../src/dev/${name}.ts`)).href);
  const launcher = spawn(
    process.execPath,
    [
      ...['--import', 'tsx', '--input-type=module', '-e'],
      `const { startProcess } = await import(${source('supervisor')});
       const { lockDataDir } = await import(${source('data-dir-lock')});
       const quiet = () => undefined;
       const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => logger };
       const start = (name, script) => startProcess({ name, command: process.execPath,
         args: ['-e', script], env: {}, stopTimeoutMs: 1000, restart: false,
         logFile: ${JSON.stringify(join(folder, 'child.log'))},
         runDir: ${JSON.stringify(join(folder, 'run'))}, logger });
       ${body}`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], cwd: join(import.meta.dirname, '../..') },
  );
  const exited = new Promise((done) => launcher.once('exit', done));
  const said = await new Promise<string>((done) => launcher.stdout.once('data', done));
  return { launcher, exited, said: String(said).trim() };
};

describe('one child', () => {
  it('is stopped by its signal and leaves no record', async () => {
    const child = await start(STAYS);
    await vi.waitFor(() => expect(child.lines).toEqual(['up']), 5000);
    expect(await readdir(join(folder, 'run'))).toEqual(['child.process.json']);
    await child.stop();
    expect(await child.exited).toEqual({ code: null, signal: 'SIGTERM' });
    expect(isAlive(child.pid)).toBe(false);
    expect(await readdir(join(folder, 'run'))).toEqual([]);
  });

  it('is forced to end when it ignores the signal', async () => {
    const child = await start(DEAF, { stopTimeoutMs: 100 });
    await vi.waitFor(() => expect(child.lines).toEqual(['up']), 5000);
    await child.stop();
    expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('is started again after a crash, with another pid', async () => {
    const child = await start(STAYS, { restart: true });
    await vi.waitFor(() => expect(child.lines).toEqual(['up']), 5000);
    const { pid } = child;
    process.kill(pid, 'SIGKILL');
    await vi.waitFor(() => expect(child.lines).toEqual(['up', 'up']), 10_000);
    expect(child.pid).not.toBe(pid);
    await child.stop();
    expect(isAlive(child.pid)).toBe(false);
  });

  it('can be stopped while it waits for its restart', async () => {
    const child = await start('process.exit(3)', { restart: true });
    expect(await child.nextExit()).toEqual({ code: 3, signal: null });
    await child.stop();
    await child.exited;
  });

  it('writes its output to the log as well as to the listener', async () => {
    const logFile = join(folder, 'child.log');
    const child = await start('console.log("one"); console.error("two")', { logFile });
    await child.exited;
    expect((await readFile(logFile, 'utf8')).trim().split('\n').sort()).toEqual(['one', 'two']);
    expect([...child.lines].sort()).toEqual(['one', 'two']);
  });

  it('rejects when the program does not exist', async () => {
    await expect(start('', { command: join(folder, 'absent') })).rejects.toThrow('ENOENT');
    expect(await readdir(join(folder, 'run')).catch(() => [])).toEqual([]);
  });
});

describe('the launcher', () => {
  it('takes its children along when it ends without stopping them', async () => {
    const { exited, said } = await startLauncher(
      `const child = await start('deaf', ${JSON.stringify(DEAF)});
       console.log(child.pid); process.exitCode = 1; process.exit();`,
    );
    await exited;
    await vi.waitFor(() => expect(isAlive(Number(said))).toBe(false), 5000);
  });

  it('is recovered from after a kill: orphans end, strangers stay, the lock is taken over', async () => {
    const dataDir = join(folder, 'data');
    const { launcher, exited, said } = await startLauncher(
      `await lockDataDir(${JSON.stringify(dataDir)});
       const a = await start('polite', ${JSON.stringify(STAYS)});
       const b = await start('deaf', ${JSON.stringify(DEAF)});
       console.log(a.pid + ' ' + b.pid);`,
    );
    const orphans = said.split(' ').map(Number);
    await expect(lockDataDir(dataDir)).rejects.toThrow(`in use by process ${launcher.pid}`);
    await vi.waitFor(async () => {
      // Both run their script, so the deaf one is deaf already.
      expect((await readFile(join(folder, 'child.log'), 'utf8')).trim()).toBe('up\nup');
    }, 5000);
    launcher.kill('SIGKILL');
    await exited;
    expect(orphans.map(isAlive)).toEqual([true, true]);

    const stranger = { ...identityOf(process.ppid), startTime: 'another boot:1' };
    await writeFile(
      join(folder, 'run', 'stranger.process.json'),
      JSON.stringify({ ...stranger, name: 'stranger', command: 'x', stopSignal: 'SIGTERM' }),
    );
    await writeFile(join(folder, 'run', 'half.process.json'), '{"pid": 1');

    const lock = await lockDataDir(dataDir);
    const stopped = await stopOrphans(join(folder, 'run'), { logger: silentLogger, graceMs: 500 });
    expect(stopped.sort()).toEqual(['deaf', 'polite']);
    expect(orphans.map(isAlive)).toEqual([false, false]);
    expect(isAlive(process.ppid)).toBe(true);
    expect(await readdir(join(folder, 'run'))).toEqual([]);
    await lock.release();
    await (await lockDataDir(dataDir)).release();
  });
});
