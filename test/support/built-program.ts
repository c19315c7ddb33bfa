/**
 * Global setup of the end-to-end tests: builds the program unless it is newer than its sources. From source each process
 * would transpile everything and bundle the workflows anew, which was a third of the processor time of these tests.
 */
import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Entry file of the built program; undefined where tests run from source. */
    builtCli: string;
  }
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** The build writes it last. */
const BUNDLE = join(ROOT, 'dist/workflow-bundle.js');
const SOURCES = ['src', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];

const changedAt = (path: string): Promise<number> =>
  stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );

async function newestSource(): Promise<number> {
  const inside = await readdir(join(ROOT, 'src'), { recursive: true });
  const files = [...SOURCES, ...inside.map((name) => join('src', name))];
  return Math.max(...(await Promise.all(files.map((file) => changedAt(join(ROOT, file))))));
}

export default async function buildProgram(project: TestProject): Promise<void> {
  if ((await changedAt(BUNDLE)) <= (await newestSource()))
    await promisify(execFile)('npm', ['run', '--silent', 'build'], { cwd: ROOT });
  project.provide('builtCli', join(ROOT, 'dist/cli.js'));
}
