import { execFile } from 'node:child_process';
import { readFile, readdir, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { OrchestratorError, messageOf } from '../errors.ts';
import { commandLineOf } from './process-identity.ts';

/** How far above the default the next free port is looked for. */
const SEARCH_WIDTH = 200;
const LISTEN = '0A';

const listenOnce = (host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen({ host, port, exclusive: true }, () => {
      const address = probe.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      probe.close(() => {
        resolve(bound);
      });
    });
  });

/** True when a listener can be opened there now; false when the port is taken. Throws on any other reason. */
export const isPortFree = async (host: string, port: number): Promise<boolean> => {
  try {
    await listenOnce(host, port);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
};

/** A port the system picks; free at the moment of the answer. */
export const ephemeralPort = (host: string): Promise<number> => listenOnce(host, 0);

/** Inodes of the sockets that listen on this port: https://docs.kernel.org/networking/proc_net_tcp.html */
const listeningInodes = async (port: number): Promise<Set<string>> => {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      const columns = line.trim().split(/\s+/);
      const inode = columns[9];
      if (columns[1]?.endsWith(`:${wanted}`) && columns[3] === LISTEN && inode !== undefined)
        inodes.add(inode);
    }
  }
  return inodes;
};

const linuxHolder = async (port: number): Promise<number | undefined> => {
  const inodes = await listeningInodes(port);
  if (inodes.size === 0) return undefined;
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    // Other users' processes cannot be read; they are left out.
    const files = await readdir(`/proc/${entry}/fd`).catch(() => []);
    for (const file of files) {
      const link = await readlink(`/proc/${entry}/fd/${file}`).catch(() => '');
      if (inodes.has(/^socket:\[(\d+)\]$/.exec(link)?.[1] ?? '')) return Number(entry);
    }
  }
  return undefined;
};

const lsofHolder = (port: number): Promise<number | undefined> =>
  new Promise((resolve) => {
    execFile('lsof', ['-nP', '-t', `-iTCP:${port}`, '-sTCP:LISTEN'], (_error, stdout) => {
      const pid = Number(stdout.trim().split('\n')[0]);
      resolve(pid > 0 ? pid : undefined);
    });
  });

/** Pid of the process that listens on the port, where the platform and our rights let us know it. */
export const findPortHolder = async (port: number): Promise<number | undefined> =>
  process.platform === 'linux' ? linuxHolder(port) : lsofHolder(port);

const describeHolder = async (port: number): Promise<string> => {
  const pid = await findPortHolder(port);
  if (pid === undefined) return 'a process that cannot be named from here';
  const command = commandLineOf(pid);
  return `process ${pid}${command === undefined ? '' : ` (${command.slice(0, 120)})`}`;
};

/** Throws `configuration` naming who holds the port, if it is taken. To be asked right before a listener is opened. */
export const assertPortFree = async (host: string, port: number, name: string): Promise<void> => {
  if (await isPortFree(host, port)) return;
  throw new OrchestratorError(
    'configuration',
    `${name}: port ${port} on ${host} is taken by ${await describeHolder(port)}. ` +
      `Stop it or set ${name} to a free port.`,
  );
};

export interface ChoosePortOptions {
  /** 0 lets the system pick one. */
  readonly preferred: number;
  /** The person set it: then it is this port or an error. */
  readonly explicit: boolean;
  readonly host: string;
  /** Variable that sets it, for messages: `TEMPORAL_PORT`. */
  readonly name: string;
  /** Ports already promised to other parts of the same start. */
  readonly taken?: ReadonlySet<number>;
}

/**
 * The preferred port, or the next free one when it is taken. The answer holds for this moment only: whoever opens
 * the listener must be ready to ask again. Throws `configuration` for an explicit port that is taken.
 */
export const choosePort = async (options: ChoosePortOptions): Promise<number> => {
  const { preferred, explicit, host, name, taken } = options;
  if (preferred === 0) return ephemeralPort(host);
  if (explicit) {
    await assertPortFree(host, preferred, name);
    return preferred;
  }
  const last = Math.min(preferred + SEARCH_WIDTH, 65_535);
  for (let port = preferred; port <= last; port += 1)
    if (taken?.has(port) !== true && (await isPortFree(host, port))) return port;
  throw new OrchestratorError(
    'configuration',
    `${name}: every port from ${preferred} to ${last} on ${host} is taken. Set ${name} to a free port.`,
  );
};

const START_TRIES = 5;

/** How a listener that was opened too late puts it, in Node, PostgreSQL and Go alike. */
const IN_USE = /EADDRINUSE|address already in use/i;

/**
 * Chooses a port and opens a listener on it with `start`; when another process took the port (or one that the
 * started program chose itself) in between, chooses again. Throws what `start` threw for any other reason, and
 * `configuration` for an explicit port that is taken.
 */
export const startOnFreePort = async <T>(
  options: ChoosePortOptions,
  start: (port: number) => Promise<T>,
): Promise<T> => {
  for (let attempt = 1; ; attempt += 1) {
    const port = await choosePort(options);
    try {
      return await start(port);
    } catch (error) {
      const lostRace =
        IN_USE.test(messageOf(error)) || (await isPortFree(options.host, port)) === false;
      if (!lostRace || attempt === START_TRIES) throw error;
    }
  }
};
