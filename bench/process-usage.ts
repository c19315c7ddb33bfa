/** What processes use, from Linux' /proc: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
import { readFile, readdir } from 'node:fs/promises';

/** USER_HZ, which is 100 on every architecture Node runs on. */
const TICKS_PER_SECOND = 100;

interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** Of the process itself. */
  readonly ownTicks: number;
  /** Of its children that ended and were waited for. */
  readonly endedTicks: number;
}

async function readStat(pid: number): Promise<ProcessStat | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // The name in parentheses may contain anything; what follows has fixed places, from the state on.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [parent = 0, user = 0, system = 0, endedUser = 0, endedSystem = 0] = [
    1, 11, 12, 13, 14,
  ].map((place) => fields[place]);
  return { pid, parent, ownTicks: user + system, endedTicks: endedUser + endedSystem };
}

async function readAll(): Promise<ProcessStat[]> {
  const entries = await readdir('/proc').catch(() => [] as string[]);
  const pids = entries.filter((entry) => /^\d+$/.test(entry)).map(Number);
  const stats = await Promise.all(pids.map(readStat));
  return stats.filter((stat) => stat !== undefined);
}

function treeOf(root: number, all: readonly ProcessStat[]): ProcessStat[] {
  const tree = all.filter(({ pid }) => pid === root);
  for (const { pid } of tree) tree.push(...all.filter(({ parent }) => parent === pid));
  return tree;
}

/** CPU seconds that each named process and its children have used so far; 0 where there is no /proc. */
export async function cpuSeconds<Name extends string>(
  pids: Readonly<Record<Name, number>>,
): Promise<Record<Name, number>> {
  const all = await readAll();
  const entries = Object.entries<number>(pids).map(([name, root]) => {
    const ticks = treeOf(root, all).map(({ ownTicks, endedTicks }) => ownTicks + endedTicks);
    return [name, ticks.reduce((sum, value) => sum + value, 0) / TICKS_PER_SECOND];
  });
  return Object.fromEntries(entries) as Record<Name, number>;
}

/** CPU milliseconds of each part of a stack so far, all simulators as one, without the bare worker. */
export async function cpuByPart(
  pids: Readonly<Record<string, number>>,
): Promise<Record<string, number>> {
  const { 'bare worker': _bare, ...ours } = pids;
  const parts: Record<string, number> = {};
  for (const [name, seconds] of Object.entries(await cpuSeconds(ours))) {
    const part = name.replace(/^simulator.*$/, 'simulators');
    parts[part] = (parts[part] ?? 0) + seconds * 1_000;
  }
  return parts;
}

export const sumOf = (parts: Readonly<Record<string, number>>): number =>
  Object.values(parts).reduce((sum, value) => sum + value, 0);

/** `api 2, worker 74`, in whole numbers. */
export const formatParts = (parts: Readonly<Record<string, number>>): string =>
  Object.entries(parts)
    .map(([part, value]) => `${part} ${value.toFixed(0)}`)
    .join(', ');

/** Resident memory of one process, in MB (10⁶ bytes). */
export async function residentMb(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1];
  return (Number(kib) * 1024) / 1e6;
}

/** Direct children of a process with their command lines. */
export async function childrenOf(pid: number): Promise<{ pid: number; command: string }[]> {
  const children = (await readAll()).filter(({ parent }) => parent === pid);
  return Promise.all(
    children.map(async (child) => ({
      pid: child.pid,
      command: (await readFile(`/proc/${child.pid}/cmdline`, 'utf8').catch(() => '')).replaceAll(
        '\0',
        ' ',
      ),
    })),
  );
}
