import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { childEnv } from './bench-stack.ts';
import { CLI } from './node-program.ts';
import { childrenOf, residentMb } from './process-usage.ts';
import type { Scenario } from './scenario.ts';
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
  const child = spawn(process.execPath, [CLI, 'start'], {
    cwd: dir,
    env: { ...childEnv(), DATA_DIR: join(dir, 'data'), MIN_FREE_BYTES: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit');
  const output: string[] = [];
  const isReady = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        if (output.length < 200) output.push(line);
        if (line.startsWith('Ready in')) resolve();
      });
  });
  const endedEarly = ended.then(() => {
    throw new Error(`start ended before it was ready:\n${output.join('\n')}`);
  });
  await Promise.race([isReady, endedEarly]);
  endedEarly.catch(() => undefined);
  return {
    pid: child.pid ?? -1,
    readyMs: performance.now() - startedAt,
    async stop() {
      const stoppedAt = performance.now();
      child.kill('SIGTERM');
      await ended;
      return performance.now() - stoppedAt;
    },
  };
}

async function roleMemory(
  launcher: number,
): Promise<Record<'api' | 'worker' | 'launcher', number>> {
  const children = await childrenOf(launcher);
  const memoryOf = async (role: string): Promise<number> => {
    const found = children.find(({ command }) => command.trimEnd().endsWith(` ${role}`));
    return found ? residentMb(found.pid) : Number.NaN;
  };
  return {
    api: await memoryOf('api'),
    worker: await memoryOf('worker'),
    launcher: await residentMb(launcher),
  };
}

/** The whole stack from nothing, again on its data, and what it holds when nobody asks anything. */
export const startUp: Scenario = {
  name: 'start-up',
  about: 'npm start to ready, first time and again; memory when idle',
  async run({ quick, dir, say }) {
    const home = join(dir, 'start-up');
    await mkdir(home, { recursive: true });
    say('start-up: the stack on an empty folder');
    const cold = await startWholeStack(home);
    const stopMs = await cold.stop();
    say('start-up: again on the same folder, then idle');
    const warm = await startWholeStack(home);
    const idleMs = quick ? 1_000 : IDLE_MS;
    await delay(idleMs);
    const { api, worker, launcher } = await roleMemory(warm.pid);
    await warm.stop();
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
      { what: '  launcher', unit: 'MB', ours: launcher },
    ];
  },
};
