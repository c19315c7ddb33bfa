import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What tells a process from a later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; equal only for the same process. Absent where the platform does not say. */
  readonly startTime?: string;
}

const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

const ps = (pid: number, column: string): string | undefined => {
  try {
    const output = execFileSync('ps', ['-o', `${column}=`, '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    return output === '' ? undefined : output;
  } catch {
    return undefined;
  }
};

/** Fields of /proc/<pid>/stat from the third on; the second holds the program's name, which may contain `)`. */
const linuxStat = (pid: number): string[] | undefined => {
  const text = readText(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
};

const linuxStartTime = (pid: number): string | undefined => {
  const ticks = linuxStat(pid)?.[19];
  // Ticks count from boot, so the boot is part of the identity.
  const boot = readText('/proc/sys/kernel/random/boot_id')?.trim();
  return ticks === undefined ? undefined : `${boot ?? 'boot'}:${ticks}`;
};

/** True when a process with this pid runs; a zombie does not run. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  if (process.platform !== 'linux') return true;
  const state = linuxStat(pid)?.[0];
  return state !== undefined && state !== 'Z' && state !== 'X';
};

/** Identity of a running process. */
export const identityOf = (pid: number): ProcessIdentity => {
  const startTime =
    process.platform === 'linux'
      ? linuxStartTime(pid)
      : process.platform === 'win32'
        ? undefined
        : ps(pid, 'lstart');
  return startTime === undefined ? { pid } : { pid, startTime };
};

/**
 * True when exactly this process still runs. Where start times are unknown (Windows) a living pid counts as the
 * same process, which is the safe side for locks; callers that kill must not rely on it.
 */
export const isSameProcess = (identity: ProcessIdentity): boolean =>
  isAlive(identity.pid) &&
  (identity.startTime === undefined || identityOf(identity.pid).startTime === identity.startTime);

/** Command line of a process, as far as the platform tells. */
export const commandLineOf = (pid: number): string | undefined => {
  if (process.platform === 'win32') return undefined;
  if (process.platform !== 'linux') return ps(pid, 'command');
  const text = readText(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ').trim();
  return text === '' ? undefined : text;
};
