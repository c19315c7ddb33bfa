import { readFile, readdir, readlink, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { OrchestratorError } from '../errors.ts';
import type { Logger } from '../ports.ts';
import { commandLineOf, identityOf, isAlive } from './process-identity.ts';
import { waitUntilGone } from './process-record.ts';

/** Lines of postmaster.pid: https://www.postgresql.org/docs/current/storage-file-layout.html */
interface PostmasterFile {
  readonly pid: number;
  readonly ready: boolean;
}

/** What the server in this cluster folder says of itself, or undefined when it wrote nothing. */
export const readPostmasterFile = async (cluster: string): Promise<PostmasterFile | undefined> => {
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const lines = text.split('\n');
  const pid = Math.abs(Number(lines[0]));
  return pid > 0 ? { pid, ready: lines[7]?.trim() === 'ready' } : undefined;
};

/** True when this process is a server of exactly this cluster: PostgreSQL works inside its data folder. */
const servesCluster = async (pid: number, cluster: string): Promise<boolean> => {
  if (!isAlive(pid)) return false;
  if (process.platform === 'linux') {
    const folder = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    return folder === (await realpath(cluster));
  }
  return commandLineOf(pid)?.includes(cluster) === true;
};

/** Every process that works inside the cluster; empty where the platform does not tell. */
const listServers = async (cluster: string): Promise<number[]> => {
  if (process.platform !== 'linux') return [];
  const entries = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number);
  const found = await Promise.all(
    entries.map(async (pid) => ((await servesCluster(pid, cluster)) ? pid : undefined)),
  );
  return found.filter((pid) => pid !== undefined);
};

/** Backends notice within moments that their postmaster was killed; until then a new one refuses to start. */
const untilDeserted = async (cluster: string, timeoutMs: number): Promise<void> => {
  const deadline = Date.now() + timeoutMs;
  while ((await listServers(cluster)).length > 0) {
    if (Date.now() > deadline)
      throw new OrchestratorError(
        'configuration',
        `Processes of an earlier PostgreSQL still work in ${cluster} (pids ${(await listServers(cluster)).join(', ')}). ` +
          `End them and start again.`,
      );
    await delay(50);
  }
};

/**
 * Makes the cluster folder startable after a launcher or a server was killed: a server that still runs there is shut
 * down (SIGINT is a fast, clean shutdown; SIGQUIT follows), a pid file that names a stranger is removed.
 */
export const stopOrphanPostmaster = async (
  cluster: string,
  logger: Logger,
  graceMs = 10_000,
): Promise<void> => {
  const file = await readPostmasterFile(cluster);
  if (file === undefined) return;
  const { pid } = file;
  if (await servesCluster(pid, cluster)) {
    const identity = identityOf(pid);
    logger.warn({ part: 'postgres', pid }, 'stopping a PostgreSQL left by an earlier run');
    process.kill(pid, 'SIGINT');
    if (!(await waitUntilGone(identity, graceMs))) {
      process.kill(pid, 'SIGQUIT');
      await waitUntilGone(identity, graceMs);
    }
  }
  await untilDeserted(cluster, graceMs);
  // A living stranger has the pid now; PostgreSQL would take it for a server and refuse.
  if (isAlive(pid)) await rm(join(cluster, 'postmaster.pid'), { force: true });
};
