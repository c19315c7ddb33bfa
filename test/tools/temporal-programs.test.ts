import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProgressEvent } from '../../src/dev/progress.ts';
import { cachedProgramsDir, provideTemporalPrograms } from '../../src/dev/temporal-programs.ts';
import type { ProvideTemporalProgramsOptions } from '../../src/dev/temporal-programs.ts';

let folder: string;
let events: ProgressEvent[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temporal-programs-'));
  events = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const writeScript = async (path: string, text: string): Promise<void> => {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  await chmod(path, 0o755);
};

/** Both programs as they answer `--version`. */
const writePrograms = async (dir: string, server: string, tool = server): Promise<string> => {
  await writeScript(join(dir, 'temporal-server'), `#!/bin/sh\necho "temporal version ${server}"\n`);
  await writeScript(
    join(dir, 'temporal-sql-tool'),
    `#!/bin/sh\necho "temporal-sql-tool version ${tool}"\n`,
  );
  return dir;
};

const provide = (options: Partial<ProvideTemporalProgramsOptions> = {}) =>
  provideTemporalPrograms({
    cacheDir: join(folder, 'cache'),
    pathEnv: join(folder, 'bin'),
    childEnv: { GO_COUNT: join(folder, 'count') },
    report: (event) => events.push(event),
    signal: new AbortController().signal,
    platform: 'linux',
    ...options,
  });

const inCache = () => readdir(cachedProgramsDir(join(folder, 'cache')));

/** Answers as Go does, with programs of this version. */
const fakeGo = (version: string, tool = version): string => `#!/bin/sh
echo "go.temporal.io/server/cmd/server" >&2
test "$CGO_ENABLED" = 0 || exit 7
test "$*" = "install -v -ldflags -s -w go.temporal.io/server/cmd/server@v1.29.1 go.temporal.io/server/cmd/tools/sql@v1.29.1" || exit 8
echo x >> "$GO_COUNT"
printf '#!/bin/sh\\necho "temporal version ${version}"\\n' > "$GOBIN/server"
printf '#!/bin/sh\\necho "temporal-sql-tool version ${tool}"\\n' > "$GOBIN/sql"
/bin/chmod 755 "$GOBIN/server" "$GOBIN/sql"
`;

describe('programs that are there', () => {
  it('are those of TEMPORAL_SERVER_DIR, whose version may be newer', async () => {
    const serverDir = await writePrograms(join(folder, 'mine'), '1.31.0');
    expect(await provide({ serverDir })).toMatchObject({
      dir: serverDir,
      sqlTool: join(serverDir, 'temporal-sql-tool'),
      source: 'TEMPORAL_SERVER_DIR',
      version: '1.31.0',
    });
  });

  it('of TEMPORAL_SERVER_DIR are refused when old, mixed or absent, although the cache has good ones', async () => {
    await writePrograms(cachedProgramsDir(join(folder, 'cache')), '1.29.1');
    const old = await writePrograms(join(folder, 'old'), '1.28.2');
    const mixed = await writePrograms(join(folder, 'mixed'), '1.29.1', '1.30.0');
    await expect(provide({ serverDir: old })).rejects.toThrow(/1\.28\.2 is too old/);
    await expect(provide({ serverDir: mixed })).rejects.toThrow(/1\.29\.1, but .* is 1\.30\.0/);
    await expect(provide({ serverDir: join(folder, 'none') })).rejects.toThrow(
      /TEMPORAL_SERVER_DIR=.*ENOENT/,
    );
  });

  it('in the cache come before those on PATH', async () => {
    await writePrograms(join(folder, 'bin'), '1.29.4');
    expect(await provide()).toMatchObject({ source: 'PATH', version: '1.29.4' });
    await writePrograms(cachedProgramsDir(join(folder, 'cache')), '1.29.1');
    expect(await provide()).toMatchObject({ source: 'cache', version: '1.29.1' });
  });
});

describe('a build with Go', () => {
  it('is made once for all who ask, with a clock, and lies in the cache', async () => {
    await writeScript(join(folder, 'bin', 'go'), fakeGo('1.29.1'));
    const results = await Promise.all([1, 2, 3].map(() => provide()));
    expect(results.map(({ source }) => source).sort()).toEqual(['cache', 'cache', 'go build']);
    expect(await readFile(join(folder, 'count'), 'utf8')).toBe('x\n');
    expect((await inCache()).sort()).toEqual(['temporal-server', 'temporal-sql-tool']);
    expect(events.some(({ step, message }) => step === 'build' && /0:00/.test(message))).toBe(true);
  });

  it('replaces half of a pair', async () => {
    await writeScript(join(folder, 'bin', 'go'), fakeGo('1.29.1'));
    const cache = cachedProgramsDir(join(folder, 'cache'));
    await writePrograms(cache, '1.29.1');
    await rm(join(cache, 'temporal-sql-tool'));
    expect(await provide()).toMatchObject({ source: 'go build', version: '1.29.1' });
  });

  it('of programs that do not fit each other puts nothing into the cache', async () => {
    await writeScript(join(folder, 'bin', 'go'), fakeGo('1.29.1', '1.28.0'));
    await expect(provide()).rejects.toThrow(/is version 1\.29\.1, but .* is 1\.28\.0/);
    expect(await inCache()).toEqual([]);
  });
});

it('lists every way, why it failed and what to do, when all fail', async () => {
  await writePrograms(join(folder, 'bin'), '1.25.0');
  await writeScript(
    join(folder, 'bin', 'go'),
    '#!/bin/sh\necho "no space left on device" >&2\nexit 1\n',
  );
  const error = await provide().catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'configuration' });
  const { message } = error as Error;
  expect(message).toMatch(/cache .*: the programs are not there/);
  expect(message).toMatch(/PATH .*: version 1\.25\.0, needed is 1\.29\.x/);
  expect(message).toMatch(/build with Go .*ended with 1: no space left on device/);
  expect(message).toContain(`into ${cachedProgramsDir(join(folder, 'cache'))}`);
  expect(message).toContain('TEMPORAL_SERVER_DIR');
});
