import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import { waitForLock } from './file-lock.ts';
import { formatClock } from './progress.ts';
import type { ReportProgress } from './progress.ts';

/** A way to get a program that did not work, for the message that lists them all. */
export interface FailedWay {
  readonly way: string;
  readonly why: string;
}

export interface FillOptions {
  readonly folder: string;
  /** For those who wait: `Temporal CLI 1.5.1`. */
  readonly what: string;
  readonly report: ReportProgress;
  readonly signal: AbortSignal;
}

/** Tries one way in an empty work folder, which goes afterwards; notes why it failed. */
export type TryWay = <T>(
  way: string,
  make: (workDir: string) => Promise<T>,
) => Promise<T | undefined>;

const WORK_PREFIX = 'work-';

/**
 * Runs `fill` while no other process fills the same folder; what a process that died had begun is removed first.
 * `failures` grows by each way that `tryWay` found not to work. Throws the signal's reason when aborted.
 */
export const fillCacheFolder = async <T>(
  { folder, what, report, signal }: FillOptions,
  failures: FailedWay[],
  fill: (tryWay: TryWay) => Promise<T>,
): Promise<T> => {
  const waitedFrom = Date.now();
  let saidAt = 0;
  await mkdir(folder, { recursive: true });
  const lock = await waitForLock(join(folder, 'provide.lock'), {
    signal,
    onWait: (holder) => {
      if (Date.now() - saidAt < 1000) return;
      saidAt = Date.now();
      const elapsedMs = saidAt - waitedFrom;
      const message = `process ${holder.pid} is already providing ${what}; waiting ${formatClock(elapsedMs)}`;
      report({ step: 'wait', message, elapsedMs });
    },
  });
  try {
    // Under the lock, any work folder belongs to a process that died.
    for (const entry of await readdir(folder))
      if (entry.startsWith(WORK_PREFIX)) await rm(join(folder, entry), { recursive: true });
    return await fill(async (way, make) => {
      const workDir = await mkdtemp(join(folder, WORK_PREFIX));
      try {
        return await make(workDir);
      } catch (error) {
        signal.throwIfAborted();
        failures.push({ way, why: messageOf(error) });
        report({ step: 'check', message: `${way} failed: ${messageOf(error)}`, elapsedMs: 0 });
        return undefined;
      } finally {
        await rm(workDir, { recursive: true, force: true });
      }
    });
  } finally {
    await lock.release();
  }
};

/** The lines of a message that lists what was tried. */
export const listFailedWays = (failures: readonly FailedWay[]): string =>
  failures.map(({ way, why }) => `  - ${way}: ${why}`).join('\n');
