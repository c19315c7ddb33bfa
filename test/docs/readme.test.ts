import { execFile, spawn } from 'node:child_process';
import { access, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { createCliRunner, type CliRunner } from '../support/launcher.ts';
import { REPOSITORY, codeBlocks, listPages, readPage, relativeLinks } from '../support/markdown.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

const execFileAsync = promisify(execFile);

/** npm run demo builds first. */
const DEMO_MS = 300_000;

const fileNames = (text: string): string[] =>
  text.match(/`([^`]+)`/g)?.map((name) => name.slice(1, -1)) ?? [];

describe('the commands of the README, as they stand there', () => {
  let stack: TestStack;
  let dir: string;
  const here = (code: string): string =>
    code.replaceAll('http://localhost:3000', stack.url).replaceAll('localhost:3000', stack.url);
  const run = async (command: string, args: readonly string[]): Promise<string> => {
    try {
      const env = { PATH: process.env['PATH'], HOME: dir };
      return (await execFileAsync(command, args, { cwd: dir, env })).stdout;
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`${String(error)}\n${stdout}\n${stderr}`);
    }
  };

  beforeAll(async () => {
    stack = await startTestStack();
    dir = await mkdtemp(join(tmpdir(), 'orchestrator-readme-'));
    for (const name of ['assets', 'node_modules'])
      await symlink(join(REPOSITORY, name), join(dir, name));
  });
  afterAll(async () => {
    await stack.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it('every curl line succeeds, and the picture lands', async () => {
    const blocks = codeBlocks(await readPage('README.md'), 'bash').filter((block) =>
      block.includes('curl'),
    );
    const script = blocks.join('\n');
    expect(script.match(/^curl/gm)?.length).toBeGreaterThanOrEqual(10);
    await run('bash', ['-euo', 'pipefail', '-c', here(script)]);
    const picture = await readFile(join(dir, 'picture.png'));
    expect(picture.subarray(1, 4).toString()).toBe('PNG');
  });

  it('the JavaScript example runs with the official client', async () => {
    const [example = ''] = codeBlocks(await readPage('README.md'), 'js');
    await writeFile(join(dir, 'example.mjs'), here(example));
    expect(await run(process.execPath, ['example.mjs'])).toMatch(/[0-9a-f-]{36} (true|false)$/m);
  });
});

describe('npm run demo', () => {
  it(
    'ends well, writes the picture and leaves nothing running',
    async () => {
      const dir = await mkdtemp(join(tmpdir(), 'orchestrator-demo-'));
      try {
        const { code, output } = await npm(['run', 'demo', '--', '--out', join(dir, 'demo.png')], {
          DATA_DIR: join(dir, 'data'),
          TEMPORAL_CLI_PATH: inject('temporalBinary'),
        });
        expect(code, output).toBe(0);
        expect(output).toContain('Everything is stopped.');
        expect((await stat(join(dir, 'demo.png'))).size).toBeGreaterThan(10_000);
      } finally {
        await rm(dir, { recursive: true, force: true });
      }
    },
    DEMO_MS,
  );
});

/** Runs npm in the repository and waits for its end; a test that is given up takes the whole group along. */
async function npm(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ code: number | null; output: string }> {
  const child = spawn('npm', args, {
    cwd: REPOSITORY,
    env: { PATH: process.env['PATH'], HOME: homedir(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  onTestFinished(async () => {
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    await ended;
  });
  return { code: await ended, output };
}

describe('the pages', () => {
  it('name only npm scripts that exist', async () => {
    const { scripts } = JSON.parse((await readPage('package.json')).text) as {
      scripts: Record<string, string>;
    };
    for (const { path, text } of await listPages())
      for (const [, name = ''] of text.matchAll(/npm run (?:--silent )?([a-z][a-z:-]*)/g))
        expect(Object.keys(scripts), `${path}: npm run ${name}`).toContain(name);
  });

  it('link only to files that exist', async () => {
    for (const page of await listPages())
      for (const target of relativeLinks(page)) {
        const found = access(join(REPOSITORY, dirname(page.path), target));
        await expect(found, `${page.path} → ${target}`).resolves.toBeUndefined();
      }
  });

  it('show folders in docs/architecture.md that are there', async () => {
    const { text } = await readPage('docs/architecture.md');
    const table = text.slice(text.indexOf('## Folders'));
    const folders = [...table.matchAll(/^\| (`.+?`) \|/gm)].flatMap(([, cell = '']) =>
      fileNames(cell),
    );
    expect(folders.length).toBeGreaterThan(10);
    for (const folder of folders)
      expect((await stat(join(REPOSITORY, folder))).isDirectory(), folder).toBe(true);
  });
});

describe('the command line', () => {
  let runner: CliRunner;
  beforeAll(async () => {
    runner = await createCliRunner();
  });
  afterAll(() => runner.cleanUp());
  const help = async (args: readonly string[]): Promise<string> => {
    const cli = runner.run([...args, '--help']);
    expect((await cli.ended).code, cli.output()).toBe(0);
    expect(cli.output()).toContain('Usage: orchestrator');
    return cli.output();
  };
  const commandsIn = (text: string): string[] =>
    [...text.slice(text.indexOf('Commands:')).matchAll(/^ {2}([a-z][a-z-]*)/gm)]
      .map(([, name = '']) => name)
      .filter((name) => name !== 'help');

  it('explains itself and every command', async () => {
    const commands = commandsIn(await help([]));
    expect(commands).toEqual(expect.arrayContaining(['start', 'demo', 'doctor', 'worker', 'keys']));
    for (const command of commands) await help([command]);
    for (const command of commandsIn(await help(['keys']))) await help(['keys', command]);
  });

  it('ends with a reason and the help for a command that does not exist', async () => {
    const cli = runner.run(['stat']);
    expect((await cli.ended).code).toBe(1);
    expect(cli.output()).toContain("unknown command 'stat'");
    expect(cli.output()).toContain('Usage: orchestrator');
  });
});
