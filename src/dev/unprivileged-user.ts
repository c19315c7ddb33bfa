import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OrchestratorError } from '../errors.ts';
import { findOnPath } from './path-lookup.ts';

/** How to run a program that refuses to run as root. */
export interface RunAs {
  /** Owner of the program's files; undefined when we are no root and nothing changes. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** The command line for a program under that user. */
  wrap(
    command: string,
    args: readonly string[],
  ): { command: string; args: string[]; uid?: number; gid?: number };
}

interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: https://man7.org/linux/man-pages/man7/capabilities.7.html */
const DAC_OVERRIDE = 1n;
const DAC_READ_SEARCH = 2n;

const plain: RunAs = {
  owner: undefined,
  wrap: (command, args) => ({ command, args: [...args] }),
};

const readUsers = async (): Promise<User[]> => {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    if (name === undefined || uid === undefined || gid === undefined) return [];
    return [{ name, uid: Number(uid), gid: Number(gid) }];
  });
};

const run = (command: string, args: string[]): Promise<boolean> =>
  new Promise((resolve) => {
    execFile(command, args, (error) => {
      resolve(error === null);
    });
  });

/** The owner of existing data, else the system's `postgres` (made if need be), else `nobody`. */
const chooseUser = async (dataOwner: number | undefined): Promise<User> => {
  const users = await readUsers();
  const known = users.find(({ uid }) => uid !== 0 && uid === dataOwner);
  const named = known ?? users.find(({ name }) => name === 'postgres');
  if (named !== undefined) return named;
  if (await run('useradd', ['--system', '--user-group', '--no-create-home', 'postgres'])) {
    const made = (await readUsers()).find(({ name }) => name === 'postgres');
    if (made !== undefined) return made;
  }
  const nobody = users.find(({ name }) => name === 'nobody');
  if (nobody !== undefined && nobody.uid !== 0) return nobody;
  throw new OrchestratorError(
    'configuration',
    'PostgreSQL refuses to run as root and no other user could be found or made. ' +
      'Start as an ordinary user, or run `useradd --system postgres` once, or set DATABASE_URL.',
  );
};

/** The first folder on the way to `path` that this user may not enter. */
const findBarrier = async (path: string, user: User): Promise<string | undefined> => {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const { mode, uid, gid } = await stat(folder);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return folder;
    if (folder === dirname(folder)) return undefined;
  }
};

const grantableCapability = async (): Promise<string | undefined> => {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const bits = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  if ((bits >> DAC_READ_SEARCH) & 1n) return 'dac_read_search';
  return (bits >> DAC_OVERRIDE) & 1n ? 'dac_override' : undefined;
};

export interface UnprivilegedOptions {
  /** Existing paths the program must reach. */
  readonly reach: readonly string[];
  /** Owner of data from an earlier start. */
  readonly dataOwner: number | undefined;
  readonly pathEnv: string;
}

/**
 * How PostgreSQL is run by whoever we are: unchanged, or under another user when we are root. When that user cannot
 * enter a folder on the way (a clone in /root, a private temporary folder), it gets the one capability to pass
 * through folders, by `setpriv`. Throws `configuration` naming the folder when that is not possible.
 */
export const chooseRunAs = async (options: UnprivilegedOptions): Promise<RunAs> => {
  if (process.getuid?.() !== 0) return plain;
  const user = await chooseUser(options.dataOwner);
  const { uid, gid } = user;
  const barriers = await Promise.all(options.reach.map((path) => findBarrier(path, user)));
  const barrier = barriers.find((folder) => folder !== undefined);
  if (barrier === undefined)
    return {
      owner: { uid, gid },
      wrap: (command, args) => ({ command, args: [...args], uid, gid }),
    };

  const setpriv = await findOnPath('setpriv', options.pathEnv);
  const capability = await grantableCapability();
  if (setpriv === undefined || capability === undefined)
    throw new OrchestratorError(
      'configuration',
      `PostgreSQL refuses to run as root, and the user ${user.name} may not enter ${barrier}. ` +
        `Start as an ordinary user, or keep the checkout and DATA_DIR where that user may go ` +
        `(chmod o+x ${barrier}), or set DATABASE_URL.`,
    );
  return {
    owner: { uid, gid },
    wrap: (command, args) => ({
      command: setpriv,
      args: [
        // access() drops capabilities of other users unless this bit is set.
        ...['--securebits', '+no_setuid_fixup', '--reuid', String(uid), '--regid', String(gid)],
        ...['--clear-groups', '--inh-caps', `-all,+${capability}`],
        ...['--ambient-caps', `-all,+${capability}`, '--', command, ...args],
      ],
    }),
  };
};
