import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { extract } from 'tar';
import { messageOf } from '../errors.ts';
import { formatMegabytes } from './progress.ts';
import type { ReportProgress } from './progress.ts';
import { archiveNameFor, binaryNameFor } from './temporal-release.ts';
import { readZipEntry } from './zip-entry.ts';

export interface DownloadOptions {
  readonly base: string;
  readonly platform: string;
  readonly arch: string;
  /** Digests that need no look at the published list. */
  readonly pinnedDigests: Readonly<Record<string, string>>;
  /** An empty folder of our own; the caller removes it. */
  readonly workDir: string;
  /** Longest silence of the other side, in milliseconds. */
  readonly stallTimeoutMs: number;
  readonly report: ReportProgress;
  readonly signal: AbortSignal;
}

const REPORT_EVERY_MS = 500;
const MAX_LIST_BYTES = 64 * 1024;

/** An abort signal that fires after a silence; `touch` starts the silence anew. */
const createStallGuard = (stallTimeoutMs: number, outer: AbortSignal) => {
  const controller = new AbortController();
  const stalled = (): void => {
    controller.abort(new Error(`no byte for ${stallTimeoutMs / 1000} s`));
  };
  let timer = setTimeout(stalled, stallTimeoutMs);
  const touch = (): void => {
    clearTimeout(timer);
    timer = setTimeout(stalled, stallTimeoutMs);
  };
  return {
    signal: AbortSignal.any([controller.signal, outer]),
    touch,
    end: () => {
      clearTimeout(timer);
    },
  };
};

/** `fetch failed` alone helps nobody: the cause says which host or connection. */
const explain = (error: unknown): string => {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause === undefined) return messageOf(error);
  const inner =
    cause instanceof AggregateError ? cause.errors.map(messageOf).join('; ') : messageOf(cause);
  return `${messageOf(error)} (${inner === '' ? String((cause as NodeJS.ErrnoException).code) : inner})`;
};

type Guard = ReturnType<typeof createStallGuard>;

const request = async (url: string, guard: Guard): Promise<Response> => {
  const response = await fetch(url, { signal: guard.signal, redirect: 'follow' });
  guard.touch();
  if (response.ok && response.body !== null) return response;
  await response.body?.cancel();
  throw new Error(`${url} answered ${response.status} ${response.statusText}`.trim());
};

const publishedDigest = async (options: DownloadOptions, name: string): Promise<string> => {
  const guard = createStallGuard(options.stallTimeoutMs, options.signal);
  try {
    const url = `${options.base}/checksums.txt`;
    const text = (await (await request(url, guard)).text()).slice(0, MAX_LIST_BYTES);
    const line = text.split('\n').find((entry) => entry.trim().endsWith(name));
    const digest = line?.trim().split(/\s+/)[0]?.toLowerCase();
    if (digest === undefined || !/^[0-9a-f]{64}$/.test(digest))
      throw new Error(`${url} lists no SHA-256 for ${name}`);
    return digest;
  } finally {
    guard.end();
  }
};

const fetchArchive = async (
  options: DownloadOptions,
  name: string,
  target: string,
): Promise<string> => {
  const url = `${options.base}/${name}`;
  const startedAt = Date.now();
  const guard = createStallGuard(options.stallTimeoutMs, options.signal);
  const hash = createHash('sha256');
  let doneBytes = 0;
  let reportedAt = 0;
  try {
    const response = await request(url, guard);
    const length = Number(response.headers.get('content-length') ?? Number.NaN);
    const total = Number.isFinite(length) ? { totalBytes: length } : {};
    const say = (): void => {
      const whole = Number.isFinite(length) ? ` of ${formatMegabytes(length)}` : '';
      options.report({
        step: 'download',
        message: `downloading ${name}: ${formatMegabytes(doneBytes)}${whole}`,
        elapsedMs: Date.now() - startedAt,
        doneBytes,
        ...total,
      });
    };
    const body = Readable.fromWeb(response.body as ReadableStream);
    await pipeline(
      body,
      async function* measure(source: AsyncIterable<Uint8Array>) {
        for await (const chunk of source) {
          guard.touch();
          hash.update(chunk);
          doneBytes += chunk.byteLength;
          if (Date.now() - reportedAt >= REPORT_EVERY_MS) {
            reportedAt = Date.now();
            say();
          }
          yield chunk;
        }
      },
      createWriteStream(target),
      { signal: guard.signal },
    );
    say();
    if (Number.isFinite(length) && doneBytes !== length)
      throw new Error(`${url} broke off after ${doneBytes} of ${length} bytes`);
    return hash.digest('hex');
  } catch (error) {
    if (options.signal.aborted) throw options.signal.reason;
    if (guard.signal.aborted)
      throw new Error(`${url} stalled: ${messageOf(guard.signal.reason)} after ${doneBytes} bytes`);
    if (doneBytes > 0)
      throw new Error(`${url} broke off after ${doneBytes} bytes: ${explain(error)}`);
    throw new Error(`${url}: ${explain(error)}`);
  } finally {
    guard.end();
  }
};

const unpack = async (archive: string, workDir: string, program: string): Promise<string> => {
  const target = join(workDir, program);
  if (archive.endsWith('.zip')) {
    await writeFile(target, readZipEntry(await readFile(archive), program));
  } else {
    await extract({ file: archive, cwd: workDir, strict: true }, [program]);
  }
  await chmod(target, 0o755);
  return target;
};

/**
 * Fetches the release archive, checks its digest and unpacks the program into `workDir`. Returns the program's
 * path. Throws with the address and the reason: no archive for the platform, an HTTP status, a silence longer
 * than `stallTimeoutMs`, a broken transfer, a wrong digest.
 */
export const downloadTemporalBinary = async (options: DownloadOptions): Promise<string> => {
  const name = archiveNameFor(options.platform, options.arch);
  if (name === undefined)
    throw new Error(`Temporal publishes no archive for ${options.platform}/${options.arch}`);
  const archive = join(options.workDir, name);
  const expected =
    options.pinnedDigests[name] ??
    (await publishedDigest(options, name).catch((error: unknown) => {
      if (options.signal.aborted) throw options.signal.reason;
      throw new Error(`the published checksums could not be read: ${explain(error)}`);
    }));
  const seen = await fetchArchive(options, name, archive);
  if (seen !== expected)
    throw new Error(
      `${options.base}/${name} has SHA-256 ${seen}, expected ${expected}; it was not used`,
    );
  options.report({ step: 'unpack', message: `unpacking ${name}`, elapsedMs: 0 });
  return unpack(archive, options.workDir, binaryNameFor(options.platform));
};
