import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startProcess } from '../src/dev/supervisor.ts';
import { silentLogger } from '../src/telemetry.ts';
import { childEnv } from './bench-stack.ts';
import { CLI } from './node-program.ts';
import { childrenOf, cpuSeconds, residentMb } from './process-usage.ts';
import type { Scenario } from './scenario.ts';
import { timed } from './statistics.ts';
import { atMost } from './table.ts';

const IDLE_MS = 20_000;

interface StartedStack {
  readonly pid: number;
  readonly readyMs: number;
  /** Resolves with the milliseconds it took. */
  stop(): Promise<number>;
}

/** `npm start` without its build: until it prints that it is ready. Throws with its output when it ends before. */
async function startWholeStack(dir: string): Promise<StartedStack> {
  const startedAt = performance.now();
  const output: string[] = [];
  let ready: () => void = () => undefined;
  const isReady = new Promise<void>((resolve) => {
    ready = resolve;
  });
  const launcher = await startProcess({
    name: 'start',
    command: process.execPath,
    args: [CLI, 'start'],
    cwd: dir,
    env: { ...childEnv(), DATA_DIR: join(dir, 'data'), MIN_FREE_BYTES: '0' },
    onLine: (line) => {
      if (output.length < 200) output.push(line);
      if (line.startsWith('Ready in')) ready();
    },
    stopTimeoutMs: 60_000,
    restart: false,
    logger: silentLogger,
  });
  const endedEarly = launcher.exited.then(() => {
    throw new Error(`start ended before it was ready:\n${output.join('\n')}`);
  });
  await Promise.race([isReady, endedEarly]);
  endedEarly.catch(() => undefined);
  return {
    pid: launcher.pid,
    readyMs: performance.now() - startedAt,
    stop: () => timed(() => launcher.stop()),
  };
}

type Role = 'api' | 'worker';

/** Pids of the roles below a launcher. Throws when one is not there. */
async function rolePids(launcher: number): Promise<Record<Role, number>> {
  const children = await childrenOf(launcher);
  const pidOf = (role: Role): number => {
    const found = children.find(({ command }) => command.trimEnd().endsWith(` ${role}`));
    if (found) return found.pid;
    throw new Error(`the launcher has no child '${role}'; there is no /proc, or it has ended`);
  };
  return { api: pidOf('api'), worker: pidOf('worker') };
}

interface Idle {
  /** CPU milliseconds used in each second. */
  readonly cpuMs: number;
  readonly memoryMb: Readonly<Record<Role, number>>;
}

async function watchIdle(launcher: number, idleMs: number): Promise<Idle> {
  const pids = await rolePids(launcher);
  const before = await cpuSeconds(pids);
  await delay(idleMs);
  const after = await cpuSeconds(pids);
  const seconds = after.api + after.worker - before.api - before.worker;
  return {
    cpuMs: (seconds * 1_000) / (idleMs / 1_000),
    memoryMb: { api: await residentMb(pids.api), worker: await residentMb(pids.worker) },
  };
}

/** The whole stack from nothing, again on its data, and what it holds and uses when nobody asks anything. */
export const startUp: Scenario = {
  name: 'start-up',
  about: 'npm start to ready, first time and again; memory and CPU when idle',
  async run({ quick, dir, say }) {
    const home = join(dir, 'start-up');
    await mkdir(home, { recursive: true });
    say('start-up: the stack on an empty folder');
    const cold = await startWholeStack(home);
    const stopMs = await cold.stop();
    say('start-up: again on the same folder, then idle');
    const warm = await startWholeStack(home);
    const idleMs = quick ? 2_000 : IDLE_MS;
    const idle = await watchIdle(warm.pid, idleMs);
    await warm.stop();
    const { api, worker } = idle.memoryMb;
    const note = `after ${idleMs / 1_000} s`;
    return [
      { what: 'start to ready, empty folder', unit: 's', ours: cold.readyMs / 1_000 },
      { what: 'start to ready, again', unit: 's', ours: warm.readyMs / 1_000, aim: atMost(10) },
      { what: 'SIGTERM to stopped', unit: 's', ours: stopMs / 1_000 },
      {
        what: 'idle memory: API + workers',
        unit: 'MB',
        ours: api + worker,
        aim: atMost(300),
        note,
      },
      { what: '  API', unit: 'MB', ours: api },
      { what: '  workers', unit: 'MB', ours: worker },
      { what: 'idle CPU: API + workers, each second', unit: 'ms', ours: idle.cpuMs },
    ];
  },
};
