import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { inject } from 'vitest';
import { isAlive } from '../../src/dev/process-identity.ts';
import type { StackState } from '../../src/dev/stack-state.ts';
import { until } from './until.ts';

const SOURCE = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

/** Every part, on a machine that also runs the other tests. */
export const READY_MS = 90_000;

/** Longest a launcher may take to stop everything. */
const DRAIN_MS = 60_000;

export interface RunningCli {
  readonly pid: number;
  readonly dataDir: string;
  /** Everything it printed so far, on both streams. */
  output(): string;
  /** Waits for text in the output; throws with the whole output when the program ends before. */
  prints(text: string | RegExp, timeoutMs?: number): Promise<void>;
  /** `stack.json`, once the stack is ready. */
  ready(): Promise<StackState>;
  /** Name → pid of the parts that its launcher has noted. */
  parts(): Promise<Record<string, number>>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

export interface CliRunner {
  /** A folder that goes at the end. */
  readonly dir: string;
  run(
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
    dataDir?: string,
  ): RunningCli;
  /** Stops what still runs, waits for it, and removes the folder. */
  cleanUp(): Promise<void>;
}

/** Runs this repository's CLI with nothing of the developer's own settings. */
export async function createCliRunner(): Promise<CliRunner> {
  const dir = await mkdtemp(join(tmpdir(), 'orchestrator-cli-'));
  const running: RunningCli[] = [];
  return {
    dir,
    run(args, env = {}, dataDir = join(dir, 'data')) {
      const cli = runCli(dir, args, { DATA_DIR: dataDir, ...env }, dataDir);
      running.push(cli);
      return cli;
    },
    async cleanUp() {
      for (const cli of running) cli.kill('SIGTERM');
      const force = setTimeout(() => {
        for (const cli of running) cli.kill('SIGKILL');
      }, DRAIN_MS);
      await Promise.all(running.map((cli) => cli.ended));
      clearTimeout(force);
      // What a failed test left behind by killing its launcher.
      for (const cli of running)
        for (const pid of Object.values(await cli.parts()))
          if (isAlive(pid)) process.kill(pid, 'SIGKILL');
      await rm(dir, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

/** Command lines of processes that were started for this folder: by their arguments or environment. Linux only. */
export async function processesOf(dataDir: string): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const read = (pid: string, name: string): Promise<string> =>
    readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '');
  const seen = await Promise.all(
    pids.map(async (pid) => {
      const command = await read(pid, 'cmdline');
      const text = `${command}\0${await read(pid, 'environ')}`;
      return text.includes(dataDir) && isAlive(Number(pid))
        ? `${pid} ${command.replaceAll('\0', ' ')}`
        : undefined;
    }),
  );
  return seen.filter((line) => line !== undefined);
}

/** The built program where there is one; `dev` is about the sources. */
function programFor([command]: readonly string[]): readonly string[] {
  const built: string | undefined = inject('builtCli');
  return built === undefined || command === 'dev' ? ['--import', TSX, SOURCE] : [built];
}

function runCli(
  cwd: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  dataDir: string,
): RunningCli {
  const child = spawn(process.execPath, [...programFor(args), ...args], {
    cwd,
    env: {
      PATH: process.env['PATH'],
      HOME: homedir(),
      TEMPORAL_CLI_PATH: inject('temporalBinary'),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  let over = false;
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('close', (code, signal) => {
      over = true;
      resolve({ code, signal });
    });
  });
  const prints: RunningCli['prints'] = async (text, timeoutMs = READY_MS) => {
    const seen = (): boolean =>
      typeof text === 'string' ? output.includes(text) : text.test(output);
    await until(`output with ${String(text)}`, () => seen() || over, timeoutMs).catch((error) => {
      throw new Error(`${String(error)}; it printed:\n${output}`);
    });
    if (!seen()) throw new Error(`it ended without printing ${String(text)}:\n${output}`);
  };
  return {
    pid: child.pid ?? -1,
    dataDir,
    output: () => output,
    prints,
    async ready() {
      await prints('Ready in ');
      return JSON.parse(await readFile(join(dataDir, 'stack.json'), 'utf8')) as StackState;
    },
    async parts() {
      const folder = join(dataDir, 'run');
      const names = await readdir(folder).catch(() => []);
      const entries = await Promise.all(
        names.map(async (name) => {
          const text = await readFile(join(folder, name), 'utf8');
          const { pid } = JSON.parse(text) as { pid: number };
          return [name.replace('.process.json', ''), pid] as const;
        }),
      );
      return Object.fromEntries(entries);
    },
    kill(signal) {
      if (!over) child.kill(signal);
    },
    ended,
  };
}
