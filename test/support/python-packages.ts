import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fillCacheFolder, listFailedWays, type FailedWay } from '../../src/dev/cache-folder.ts';
import { findOnPath } from '../../src/dev/path-lookup.ts';
import { provision } from './engines.ts';
import { REPOSITORY } from './markdown.ts';

const run = promisify(execFile);

/** A Python that has the packages of one requirements file. */
export interface PythonPackages {
  readonly python: string;
  readonly env: Readonly<NodeJS.ProcessEnv>;
}

/** Names of the requirements files in `test/clients`, and the oldest Python that their pins are for. */
const OLDEST_PYTHON = { 'civitai-py': 10, schemathesis: 11 } as const;

/**
 * The packages pinned in `test/clients/<name>.txt`, installed once for each Python in the user's cache. Where there is
 * no Python for them it says so in one line and answers undefined; in CI that is an error, as is a failed installation.
 */
export async function providePythonPackages(
  name: keyof typeof OLDEST_PYTHON,
): Promise<PythonPackages | undefined> {
  const oldest = OLDEST_PYTHON[name];
  const python = await findPython(oldest);
  if (python) return install(name, python);
  const reason = `${name} needs Python 3.${oldest} or later, and there is no such python3 on the PATH`;
  if (process.env['CI']) throw new Error(`${reason}. In CI these tests must run: install it.`);
  process.stderr.write(`Left out: ${reason}.\n`);
  return undefined;
}

interface Python {
  readonly executable: string;
  /** With the path behind links: another Python gets another folder. */
  readonly identity: string;
}

async function findPython(oldestMinor: number): Promise<Python | undefined> {
  for (const name of ['python3', 'python']) {
    const executable = await findOnPath(name, process.env['PATH'] ?? '');
    if (executable === undefined) continue;
    const code = `import os, sys; print(sys.version_info[0], sys.version_info[1], sys.version, os.path.realpath(sys.executable))`;
    const answer = await run(executable, ['-c', code]).catch(() => undefined);
    const [major, minor] = answer?.stdout.split(' ').map(Number) ?? [];
    if (answer && major === 3 && (minor ?? 0) >= oldestMinor)
      return { executable, identity: answer.stdout };
  }
  return undefined;
}

async function install(name: string, { executable, identity }: Python): Promise<PythonPackages> {
  const requirements = join(REPOSITORY, 'test', 'clients', `${name}.txt`);
  const key = createHash('sha256')
    .update(await readFile(requirements))
    .update(identity)
    .digest('hex');
  const { cacheDir, report, signal } = provision();
  const folder = join(cacheDir, 'python', `${name}-${key.slice(0, 16)}`);
  const venv = join(folder, 'venv');
  const target = join(folder, 'packages');
  const complete = join(folder, 'complete');
  const installed = async (): Promise<PythonPackages | undefined> => {
    const way = await readFile(complete, 'utf8').catch(() => undefined);
    if (way === undefined) return undefined;
    if (way === 'target')
      return { python: executable, env: { ...process.env, PYTHONPATH: target } };
    return { python: join(venv, 'bin', 'python'), env: process.env };
  };
  const pip = ['-m', 'pip', 'install', '--quiet', '--require-hashes', '--only-binary=:all:'];
  const failures: FailedWay[] = [];
  const fill = { folder, what: `Python packages of ${name}`, report, signal };
  const there = await fillCacheFolder(fill, failures, async (tryWay) => {
    const found = await installed();
    if (found) return found;
    report({ message: `installing the Python packages of test/clients/${name}.txt` });
    await tryWay('a virtual environment (on Debian: apt install python3-venv)', async () => {
      await rm(venv, { recursive: true, force: true });
      await run(executable, ['-m', 'venv', venv]);
      await access(join(venv, 'bin', 'python'));
      await run(join(venv, 'bin', 'python'), [...pip, '-r', requirements]);
      await writeFile(complete, 'venv');
    });
    if (failures.length > 0)
      await tryWay('pip of that Python (on Debian: apt install python3-pip)', async () => {
        await rm(target, { recursive: true, force: true });
        await run(executable, [...pip, '--target', target, '-r', requirements]);
        await writeFile(complete, 'target');
      });
    return installed();
  });
  if (there) return there;
  throw new Error(
    `The Python packages of ${requirements} could not be installed:\n${listFailedWays(failures)}`,
  );
}
