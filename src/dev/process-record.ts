import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../ports.ts';
import { identityOf, isSameProcess } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

interface ProcessRecord extends ProcessIdentity {
  readonly name: string;
  readonly command: string;
  readonly stopSignal: NodeJS.Signals;
}

const SUFFIX = '.process.json';

const recordPath = (runDir: string, name: string): string => join(runDir, `${name}${SUFFIX}`);

/** Notes a child that was just started. Synchronous, so that no kill fits between start and note. */
export const recordProcess = (
  runDir: string,
  child: { name: string; pid: number; command: string; stopSignal: NodeJS.Signals },
): void => {
  mkdirSync(runDir, { recursive: true });
  const record: ProcessRecord = { ...child, ...identityOf(child.pid) };
  writeFileSync(recordPath(runDir, child.name), `${JSON.stringify(record)}\n`);
};

/** Forgets a child that ended. */
export const forgetProcess = (runDir: string, name: string): void => {
  rmSync(recordPath(runDir, name), { force: true });
};

const readRecord = (path: string): ProcessRecord | undefined => {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessRecord;
  } catch {
    // Half-written by a launcher that died in that moment: there is nothing to match.
    return undefined;
  }
};

const signalQuietly = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself.
  }
};

/** Waits until exactly this process is gone. False after `timeoutMs`. */
export const waitUntilGone = async (
  identity: ProcessIdentity,
  timeoutMs: number,
): Promise<boolean> => {
  const deadline = Date.now() + timeoutMs;
  while (isSameProcess(identity)) {
    if (Date.now() >= deadline) return false;
    await delay(25);
  }
  return true;
};

export interface StopOrphansOptions {
  readonly logger: Logger;
  /** How long a process may take to end by itself, in milliseconds. (Default: 5,000) */
  readonly graceMs?: number;
}

/**
 * Ends what a launcher that was killed left running: its recorded stop signal first, SIGKILL after the grace. A pid
 * that belongs to another process by now (other start time) is left alone. Returns the names of what was ended.
 */
export const stopOrphans = async (
  runDir: string,
  { logger, graceMs = 5000 }: StopOrphansOptions,
): Promise<string[]> => {
  const entries = await readdir(runDir).catch(() => [] as string[]);
  const stopped = await Promise.all(
    entries
      .filter((entry) => entry.endsWith(SUFFIX))
      .map(async (entry): Promise<string | undefined> => {
        const record = readRecord(join(runDir, entry));
        try {
          // Without a start time nothing tells it from a stranger with the same pid.
          if (record?.startTime === undefined || !isSameProcess(record)) return undefined;
          const { name, pid, command } = record;
          logger.warn({ part: name, pid, command }, 'stopping a process left by an earlier run');
          signalQuietly(pid, record.stopSignal);
          if (!(await waitUntilGone(record, graceMs))) {
            signalQuietly(pid, 'SIGKILL');
            if (!(await waitUntilGone(record, graceMs))) {
              logger.error({ part: name, pid }, 'a process left by an earlier run does not end');
              return undefined;
            }
          }
          return name;
        } finally {
          if (record === undefined || !isSameProcess(record))
            forgetProcess(runDir, entry.slice(0, -SUFFIX.length));
        }
      }),
  );
  return stopped.filter((name) => name !== undefined);
};
