import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from 'tar';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cachedTemporalPath, provideTemporalBinary } from '../../src/dev/temporal-binary.ts';
import type { ProvideTemporalBinaryOptions } from '../../src/dev/temporal-binary.ts';
import type { ProgressEvent } from '../../src/dev/progress.ts';

const ARCHIVE = 'temporal_cli_1.5.1_linux_amd64.tar.gz';
const versionScript = (server: string): string =>
  `#!/bin/sh\necho "temporal version 0.0.0-DEV (Server ${server}, UI 2.42.1)"\n`;

let folder: string;
let events: ProgressEvent[];
let server: Server | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temporal-binary-'));
  events = [];
});

afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((done) => (server === undefined ? done(undefined) : server.close(done)));
  server = undefined;
  await rm(folder, { recursive: true, force: true });
});

const serve = async (listener: RequestListener): Promise<string> => {
  const started = createServer(listener);
  server = started;
  await new Promise<void>((done) => started.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}/v1.5.1`;
};

const writeScript = async (path: string, text: string): Promise<string> => {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, text);
  await chmod(path, 0o755);
  return path;
};

const makeArchive = async (script = versionScript('1.29.1')): Promise<Buffer> => {
  await writeScript(join(folder, 'archive', 'temporal'), script);
  await writeFile(join(folder, 'archive', 'LICENSE'), 'MIT');
  const file = join(folder, 'archive.tar.gz');
  await create({ gzip: true, file, cwd: join(folder, 'archive') }, ['LICENSE', 'temporal']);
  return readFile(file);
};

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Answers the list with these digests and leaves the archive to `answer`. */
const serveArchive = (digest: string, answer: RequestListener): Promise<string> =>
  serve((request, response) => {
    if (request.url === '/v1.5.1/checksums.txt')
      response.end(`${'0'.repeat(64)}  other.tar.gz\n${digest}  ${ARCHIVE}\n`);
    else if (request.url === `/v1.5.1/${ARCHIVE}`) answer(request, response);
    else response.writeHead(404).end();
  });

const provide = (options: Partial<ProvideTemporalBinaryOptions> = {}) =>
  provideTemporalBinary({
    cacheDir: join(folder, 'cache'),
    downloadBase: 'http://127.0.0.1:1/closed',
    pathEnv: join(folder, 'bin'),
    childEnv: {},
    report: (event) => events.push(event),
    signal: new AbortController().signal,
    pinnedDigests: {},
    stallTimeoutMs: 5000,
    platform: 'linux',
    arch: 'x64',
    ...options,
  });

const cacheLeftovers = async (): Promise<string[]> =>
  (await readdir(join(folder, 'cache', 'temporal-cli', '1.5.1'))).sort();

describe('ways without a network', () => {
  it('uses the explicit path when it answers with a usable server', async () => {
    const cliPath = await writeScript(join(folder, 'mine'), versionScript('1.31.0'));
    expect(await provide({ cliPath })).toEqual({
      path: cliPath,
      source: 'TEMPORAL_CLI_PATH',
      serverVersion: '1.31.0',
    });
  });

  it('refuses a wrong explicit path instead of falling back to the cache', async () => {
    await writeScript(cachedTemporalPath(join(folder, 'cache'), 'linux'), versionScript('1.29.1'));
    const other = await writeScript(join(folder, 'mine'), '#!/bin/sh\necho hello\n');
    const old = await writeScript(join(folder, 'old'), versionScript('1.28.9'));
    await expect(provide({ cliPath: other })).rejects.toThrow(/TEMPORAL_CLI_PATH=.*«hello»/);
    await expect(provide({ cliPath: old })).rejects.toThrow(/carries server 1\.28\.9/);
    await expect(provide({ cliPath: join(folder, 'absent') })).rejects.toThrow(/ENOENT/);
  });

  it('prefers the cache over PATH', async () => {
    const cached = cachedTemporalPath(join(folder, 'cache'), 'linux');
    await writeScript(cached, versionScript('1.29.1'));
    await writeScript(join(folder, 'bin', 'temporal'), versionScript('1.29.4'));
    expect(await provide()).toMatchObject({ path: cached, source: 'cache' });
  });

  it('uses a temporal on PATH when its server version fits', async () => {
    const path = await writeScript(join(folder, 'bin', 'temporal'), versionScript('1.29.4'));
    expect(await provide()).toEqual({ path, source: 'PATH', serverVersion: '1.29.4' });
  });
});

describe('download', () => {
  it('takes the archive whose digest is on the published list, and reports bytes', async () => {
    const archive = await makeArchive();
    const base = await serveArchive(sha256(archive), (_request, response) => {
      response.setHeader('content-length', archive.length);
      response.end(archive);
    });
    const binary = await provide({ downloadBase: `${base}/` });
    expect(binary).toEqual({
      path: cachedTemporalPath(join(folder, 'cache'), 'linux'),
      source: 'download',
      serverVersion: '1.29.1',
    });
    expect(events).toContainEqual(
      expect.objectContaining({
        step: 'download',
        doneBytes: archive.length,
        totalBytes: archive.length,
      }),
    );
    expect(await cacheLeftovers()).toEqual(['temporal']);
    expect(await provide()).toMatchObject({ source: 'cache' });
  });

  it('lets a pinned digest overrule the published list', async () => {
    const archive = await makeArchive();
    const base = await serveArchive(sha256(archive), (_request, response) => response.end(archive));
    const pinnedDigests = { [ARCHIVE]: 'a'.repeat(64) };
    await expect(provide({ downloadBase: base, pinnedDigests })).rejects.toThrow(
      new RegExp(`SHA-256 ${sha256(archive)}, expected a{64}`),
    );
  });

  it.each<[string, number, (archive: Buffer) => RequestListener, RegExp]>([
    [
      'a wrong checksum',
      5000,
      () => (_request, response) => response.end('something else'),
      /expected [0-9a-f]{64}; it was not used/,
    ],
    [
      'a truncated body',
      5000,
      (archive) => (_request, response) => {
        response.setHeader('content-length', archive.length);
        response.write(archive.subarray(0, 50), () => response.destroy());
      },
      /broke off/,
    ],
    [
      'a server that falls silent',
      300,
      (archive) => (_request, response) => {
        response.setHeader('content-length', archive.length);
        response.write(archive.subarray(0, 50));
      },
      /stalled: no byte for 0\.3 s after 50 bytes/,
    ],
    [
      'a missing archive',
      5000,
      () => (_request, response) => response.writeHead(404).end(),
      /answered 404/,
    ],
  ])('refuses %s and leaves nothing behind', async (_name, stallTimeoutMs, answer, message) => {
    const archive = await makeArchive();
    const base = await serveArchive(sha256(archive), answer(archive));
    await expect(provide({ downloadBase: base, stallTimeoutMs })).rejects.toThrow(message);
    expect(await cacheLeftovers()).toEqual([]);
  });

  it('accepts a slow server that never falls silent for long', async () => {
    const archive = await makeArchive();
    const base = await serveArchive(sha256(archive), (_request, response) => {
      const send = (at: number): void => {
        if (at >= archive.length) response.end();
        else response.write(archive.subarray(at, at + 64), () => setTimeout(send, 50, at + 64));
      };
      send(0);
    });
    expect(await provide({ downloadBase: base, stallTimeoutMs: 2000 })).toMatchObject({
      source: 'download',
    });
  });

  it('refuses a program of another server version even with a right checksum', async () => {
    const archive = await makeArchive(versionScript('1.32.0'));
    const base = await serveArchive(sha256(archive), (_request, response) => response.end(archive));
    await expect(provide({ downloadBase: base })).rejects.toThrow(/carries server 1\.32\.0/);
    expect(await cacheLeftovers()).toEqual([]);
  });
});

const FAKE_GO = `#!/bin/sh
echo "go: downloading example.org/module v1.0.0" >&2
test "$CGO_ENABLED" = 0 || exit 7
test "$*" = "install -v -ldflags -s -w github.com/temporalio/cli/cmd/temporal@v1.5.1" || exit 8
echo x >> "$GO_COUNT"
printf '#!/bin/sh\\necho "temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)"\\n' > "$GOBIN/temporal"
/bin/chmod 755 "$GOBIN/temporal"
`;

describe('build with Go', () => {
  const childEnv = (): Record<string, string> => ({ GO_COUNT: join(folder, 'count') });

  it('follows when the download fails, with a clock, into the cache', async () => {
    await writeScript(join(folder, 'bin', 'go'), FAKE_GO);
    const binary = await provide({ childEnv: childEnv() });
    expect(binary).toMatchObject({ source: 'go build', serverVersion: '1.29.1' });
    expect(binary.path).toBe(cachedTemporalPath(join(folder, 'cache'), 'linux'));
    expect(events.some(({ step, message }) => step === 'build' && /0:00/.test(message))).toBe(true);
    expect(await cacheLeftovers()).toEqual(['temporal']);
  });

  it('builds once when two ask at the same time', async () => {
    await writeScript(join(folder, 'bin', 'go'), FAKE_GO);
    const results = await Promise.all([1, 2, 3].map(() => provide({ childEnv: childEnv() })));
    expect(results.map(({ source }) => source).sort()).toEqual(['cache', 'cache', 'go build']);
    expect(await readFile(join(folder, 'count'), 'utf8')).toBe('x\n');
  });

  it('takes over the lock and the rubbish of a process that died in the middle', async () => {
    await writeScript(join(folder, 'bin', 'go'), FAKE_GO);
    const dead = spawn('true');
    await new Promise((done) => dead.once('exit', done));
    const home = join(folder, 'cache', 'temporal-cli', '1.5.1');
    await mkdir(join(home, 'work-old'), { recursive: true });
    await writeFile(join(home, 'work-old', 'temporal'), 'half');
    await writeFile(join(home, 'provide.lock'), JSON.stringify({ pid: dead.pid, token: 'x' }));
    await expect(provide({ childEnv: childEnv() })).resolves.toMatchObject({ source: 'go build' });
    expect(await cacheLeftovers()).toEqual(['temporal']);
  });

  it('replaces a half-written file in the cache', async () => {
    await writeScript(join(folder, 'bin', 'go'), FAKE_GO);
    const cached = cachedTemporalPath(join(folder, 'cache'), 'linux');
    await writeScript(cached, '');
    expect(await provide({ childEnv: childEnv() })).toMatchObject({ source: 'go build' });
    expect((await stat(cached)).size).toBeGreaterThan(0);
  });

  it('ends the build when it is aborted', async () => {
    await writeScript(
      join(folder, 'bin', 'go'),
      '#!/bin/sh\necho "go: downloading" >&2\nexec /bin/sleep 600\n',
    );
    const controller = new AbortController();
    const report = (event: ProgressEvent): void => {
      if (event.step === 'build') setImmediate(() => controller.abort(new Error('enough')));
    };
    await expect(provide({ signal: controller.signal, report })).rejects.toThrow('enough');
    expect(await cacheLeftovers()).toEqual([]);
  });
});

it('lists every way, why it failed and what to do, when all fail', async () => {
  await writeScript(join(folder, 'bin', 'temporal'), versionScript('1.25.0'));
  await writeScript(
    join(folder, 'bin', 'go'),
    '#!/bin/sh\necho "no space left on device" >&2\nexit 1\n',
  );
  const error = await provide().catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'configuration' });
  const { message } = error as Error;
  expect(message).toMatch(/cache .*does not exist/);
  expect(message).toMatch(/PATH .*carries server 1\.25\.0/);
  expect(message).toMatch(/download from http:\/\/127\.0\.0\.1:1\/closed: .*bad port/);
  expect(message).toMatch(/build with Go .*ended with 1: no space left on device/);
  for (const advice of ['TEMPORAL_CLI_PATH', 'TEMPORAL_CLI_DOWNLOAD_BASE', 'TEMPORAL_ADDRESS'])
    expect(message).toContain(advice);
});
