import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Logger } from '../ports.ts';
import { openLogFile } from './log-file.ts';
import type { OpenLog } from './log-file.ts';
import { forgetProcess, recordProcess } from './process-record.ts';

const FIRST_RESTART_MS = 500;
const SLOWEST_RESTART_MS = 15_000;
/** A child that lived this long starts its backoff anew. */
const STEADY_MS = 30_000;
const LAST_LINES_MS = 1000;

export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Output is appended here; a child with a log and no `onLine` survives the end of its launcher. */
  readonly logFile?: string;
  readonly onLine?: (line: string) => void;
  /** For a Node child: opens an IPC channel, which also tells the child when its launcher is gone. */
  readonly onMessage?: (message: unknown) => void;
  /** (Default: SIGTERM) */
  readonly stopSignal?: NodeJS.Signals;
  /** What follows when it did not end in time, or the launcher ends without stopping it. (Default: SIGKILL) */
  readonly forceSignal?: NodeJS.Signals;
  readonly stopTimeoutMs: number;
  /** Start it again when it ends by itself: after 0.5 s, 1 s, 2 s … 15 s. */
  readonly restart: boolean;
  /** Where `<name>.process.json` is kept for `stopOrphans`. */
  readonly runDir?: string;
  readonly logger: Logger;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ManagedProcess {
  readonly name: string;
  /** Of the current child; changes with a restart. */
  readonly pid: number;
  /** Resolves when the process ended for good: stopped, or crashed without `restart`. */
  readonly exited: Promise<ProcessExit>;
  /** Resolves at the next end of the current child, whether it is restarted or not. */
  nextExit(): Promise<ProcessExit>;
  /** Bytes that were in the log before this process wrote to it. */
  readonly logOffset: number;
  /** Stop signal, then the force signal after `stopTimeoutMs`. Resolves when the process is gone. */
  stop(): Promise<void>;
}

const spawnChild = (
  spec: ProcessSpec,
  log: OpenLog | undefined,
  writeLine: (line: string) => void,
): ChildProcess => {
  // Lines need a pipe; without them the child writes to the file itself.
  const output = spec.onLine !== undefined ? 'pipe' : (log?.fd ?? 'ignore');
  const child = spawn(spec.command, [...spec.args], {
    env: { ...spec.env },
    stdio: ['ignore', output, output, ...(spec.onMessage === undefined ? [] : ['ipc' as const])],
    // A group of its own: Ctrl-C in the terminal reaches only the launcher, which stops children in order.
    detached: process.platform !== 'win32',
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
    ...(spec.uid === undefined ? {} : { uid: spec.uid }),
    ...(spec.gid === undefined ? {} : { gid: spec.gid }),
  });
  if (spec.onMessage !== undefined) child.on('message', spec.onMessage);
  for (const stream of [child.stdout, child.stderr]) {
    if (stream == null) continue;
    createInterface({ input: stream }).on('line', writeLine);
  }
  return child;
};

const untilSpawned = (child: ChildProcess): Promise<number> =>
  new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => {
      child.off('error', reject);
      // A signal that cannot be delivered is reported here too; the exit event tells the rest.
      child.on('error', () => undefined);
      resolve(child.pid ?? -1);
    });
  });

const untilClosed = (child: ChildProcess): Promise<ProcessExit> =>
  new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      // The last lines follow the exit; a grandchild that keeps the pipe open must not hold us up.
      const late = setTimeout(resolve, LAST_LINES_MS, { code, signal });
      child.once('close', () => {
        clearTimeout(late);
        resolve({ code, signal });
      });
    });
  });

/** Starts a child and watches it. Rejects when the program cannot be started at all. */
export const startProcess = async (spec: ProcessSpec): Promise<ManagedProcess> => {
  const { name, logger, runDir } = spec;
  const stopSignal = spec.stopSignal ?? 'SIGTERM';
  const forceSignal = spec.forceSignal ?? 'SIGKILL';
  const log = spec.logFile === undefined ? undefined : openLogFile(spec.logFile);

  let child: ChildProcess;
  let pid = -1;
  let closed: Promise<ProcessExit>;
  let startedAt = 0;
  let crashes = 0;
  let stopping: Promise<void> | undefined;
  let restartTimer: NodeJS.Timeout | undefined;
  let finish: (exit: ProcessExit) => void = () => undefined;
  const exited = new Promise<ProcessExit>((resolve) => {
    finish = resolve;
  });

  let ended = false;
  const writeLine = (line: string): void => {
    spec.onLine?.(line);
    if (log !== undefined && !ended) writeSync(log.fd, `${line}\n`);
  };
  const forceOnExit = (): void => {
    child.kill(forceSignal);
  };
  const end = (exit: ProcessExit): void => {
    process.off('exit', forceOnExit);
    ended = true;
    if (log !== undefined) closeSync(log.fd);
    if (runDir !== undefined) forgetProcess(runDir, name);
    finish(exit);
  };

  const launch = async (): Promise<void> => {
    child = spawnChild(spec, log, writeLine);
    if (child.pid !== undefined && runDir !== undefined) {
      const command = [spec.command, ...spec.args].join(' ');
      recordProcess(runDir, { name, pid: child.pid, command, stopSignal });
    }
    startedAt = Date.now();
    const current = untilClosed(child);
    closed = current;
    pid = await untilSpawned(child);
    void current.then(onClosed);
  };

  const onClosed = (exit: ProcessExit): void => {
    if (stopping !== undefined || !spec.restart) {
      if (stopping === undefined) logger.error({ part: name, pid, ...exit }, 'process ended');
      end(exit);
      return;
    }
    crashes = Date.now() - startedAt > STEADY_MS ? 1 : crashes + 1;
    const delayMs = Math.min(FIRST_RESTART_MS * 2 ** (crashes - 1), SLOWEST_RESTART_MS);
    logger.error({ part: name, pid, ...exit, delayMs }, 'process ended; it is started again');
    restartTimer = setTimeout(() => {
      restartTimer = undefined;
      launch().catch((error: unknown) => {
        logger.error({ part: name, error: String(error) }, 'process cannot be started again');
        onClosed({ code: null, signal: null });
      });
    }, delayMs);
  };

  const stopNow = async (): Promise<void> => {
    if (restartTimer !== undefined) {
      clearTimeout(restartTimer);
      end({ code: null, signal: null });
      return;
    }
    child.kill(stopSignal);
    const force = setTimeout(() => {
      logger.warn({ part: name, pid, afterMs: spec.stopTimeoutMs }, 'process is forced to end');
      child.kill(forceSignal);
    }, spec.stopTimeoutMs);
    await exited;
    clearTimeout(force);
  };

  try {
    await launch();
  } catch (error) {
    if (log !== undefined) closeSync(log.fd);
    if (runDir !== undefined) forgetProcess(runDir, name);
    throw error;
  }
  process.on('exit', forceOnExit);
  return {
    name,
    get pid() {
      return pid;
    },
    exited,
    nextExit: () => closed,
    logOffset: log?.offset ?? 0,
    stop: () => (stopping ??= stopNow()),
  };
};
