import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Journal } from './journal.ts';

/** A process that runs and is ready. */
export interface Running {
  readonly pid: number;
  readonly exited: Promise<unknown>;
  /** SIGTERM, or what the program takes for it; resolves when it is gone. */
  stop(): Promise<void>;
}

/** A part of the stack that is disturbed and brought back, as an operator's supervisor would. */
export interface Part {
  readonly name: string;
  start(): Promise<void>;
  /** `kill -9`, away for so long, started again. */
  kill(downMs: number): Promise<void>;
  /** Asked to end, away for so long, started again. */
  drain(downMs: number): Promise<void>;
  /** SIGSTOP, and SIGCONT after so long. */
  pause(ms: number): Promise<void>;
  /** Ends it for good. */
  stop(): Promise<void>;
}

/** Between two tries to start a part whose surroundings are away. */
const RETRY_MS = 1_000;

/** Disturbances of one part happen one after the other. `launch` resolves when the program says that it is ready. */
export function createPart(name: string, launch: () => Promise<Running>, journal: Journal): Part {
  let running: Running | undefined;
  let closing = false;
  let turn: Promise<void> = Promise.resolve();
  const inTurn = (action: () => Promise<void>): Promise<void> => {
    const mine = turn.then(action);
    turn = mine.catch(() => undefined);
    return mine;
  };

  const bringUp = async (): Promise<void> => {
    while (!closing) {
      const started = await launch().catch(() => undefined);
      if (started === undefined) {
        await delay(RETRY_MS);
        continue;
      }
      running = started;
      void started.exited.then(() => {
        if (running === started) void inTurn(() => revive(started));
      });
      return;
    }
  };

  /** A part that gives up is started again, and the journal keeps that it did. */
  const revive = async (ended: Running): Promise<void> => {
    if (running !== ended || closing) return;
    const back = journal.begin(name, 'ended by itself');
    running = undefined;
    await delay(RETRY_MS);
    await bringUp();
    back();
  };

  const away = async (
    what: 'killed' | 'drained',
    end: (process: Running) => Promise<unknown>,
    ms: number,
  ): Promise<void> => {
    const process = running;
    if (process === undefined || closing) return;
    running = undefined;
    const back = journal.begin(name, what);
    await end(process);
    await delay(ms);
    await bringUp();
    back();
  };

  return {
    name,
    start: () => inTurn(bringUp),
    kill: (downMs) =>
      inTurn(() =>
        away(
          'killed',
          async (victim) => {
            signal(victim.pid, 'SIGKILL');
            await victim.exited;
          },
          downMs,
        ),
      ),
    drain: (downMs) => inTurn(() => away('drained', (process) => process.stop(), downMs)),
    pause: (ms) =>
      inTurn(async () => {
        if (running === undefined) return;
        const pids = await withChildren(running.pid);
        const back = journal.begin(name, 'stopped');
        for (const pid of pids) signal(pid, 'SIGSTOP');
        await delay(ms);
        for (const pid of pids) signal(pid, 'SIGCONT');
        back();
      }),
    stop: async () => {
      closing = true;
      await turn;
      const process = running;
      running = undefined;
      await process?.stop();
    },
  };
}

/** One that is gone already needs no signal. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** PostgreSQL works in children of its first process. Elsewhere than on Linux only the first is stopped. */
async function withChildren(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return [pid, ...text.split(' ').filter(Boolean).map(Number)];
}
