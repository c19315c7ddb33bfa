import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { OrchestratorError, messageOf } from '../errors.ts';
import { fillCacheFolder, listFailedWays, type FailedWay } from './cache-folder.ts';
import { installWithGo } from './go-build.ts';
import { findOnPath } from './path-lookup.ts';
import type { ReportProgress } from './progress.ts';
import { downloadTemporalBinary } from './temporal-download.ts';
import {
  TEMPORAL_ARCHIVE_DIGESTS,
  TEMPORAL_CLI_VERSION,
  TEMPORAL_DOWNLOAD_BASE,
  TEMPORAL_GO_PACKAGE,
  archiveNameFor,
  binaryNameFor,
  isPinnedServerLine,
  isUsableServer,
  readServerVersion,
} from './temporal-release.ts';

export type TemporalBinarySource = 'TEMPORAL_CLI_PATH' | 'cache' | 'PATH' | 'download' | 'go build';

export interface TemporalBinary {
  readonly path: string;
  readonly source: TemporalBinarySource;
  readonly serverVersion: string;
}

export interface ProvideTemporalBinaryOptions {
  /** TEMPORAL_CLI_PATH: used or refused, never replaced by another way. */
  readonly cliPath?: string | undefined;
  /** The program's cache folder of this user, e.g. `~/.cache/civitai-orchestrator`. */
  readonly cacheDir: string;
  /** TEMPORAL_CLI_DOWNLOAD_BASE: the folder that holds the archive and `checksums.txt`. */
  readonly downloadBase?: string | undefined;
  readonly pathEnv: string;
  /** Environment for Go; its PATH is replaced by `pathEnv`. */
  readonly childEnv: Readonly<Record<string, string | undefined>>;
  readonly report: ReportProgress;
  readonly signal: AbortSignal;
  readonly pinnedDigests?: Readonly<Record<string, string>>;
  /** Longest silence of the download, in milliseconds. (Default: 30,000) */
  readonly stallTimeoutMs?: number;
  readonly platform?: string;
  readonly arch?: string;
}

/** Where the binary of the pinned version lies: `<cacheDir>/temporal-cli/<version>/temporal`. */
export const cachedTemporalPath = (cacheDir: string, platform: string = process.platform): string =>
  join(cacheDir, 'temporal-cli', TEMPORAL_CLI_VERSION, binaryNameFor(platform));

const useExplicit = async (path: string, signal: AbortSignal): Promise<TemporalBinary> => {
  const advice = `Point it at a temporal CLI with server 1.29.1 or newer, or unset it to let one be provided.`;
  const serverVersion = await readServerVersion(path, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new OrchestratorError(
      'configuration',
      `TEMPORAL_CLI_PATH=${path} cannot be used: ${messageOf(error)}. ${advice}`,
    );
  });
  if (!isUsableServer(serverVersion))
    throw new OrchestratorError(
      'configuration',
      `TEMPORAL_CLI_PATH=${path} carries server ${serverVersion}, which is too old. ${advice}`,
    );
  return { path, source: 'TEMPORAL_CLI_PATH', serverVersion };
};

/** Looks into the cache; a file that does not run or is another version counts as absent. */
const useCached = async (
  path: string,
  signal: AbortSignal,
): Promise<TemporalBinary | FailedWay> => {
  try {
    const serverVersion = await readServerVersion(path, signal);
    if (isPinnedServerLine(serverVersion)) return { path, source: 'cache', serverVersion };
    return { way: `cache ${path}`, why: `it carries server ${serverVersion}, needed is 1.29.x` };
  } catch (error) {
    signal.throwIfAborted();
    const absent = messageOf(error).includes('ENOENT');
    return { way: `cache ${path}`, why: absent ? 'the file does not exist' : messageOf(error) };
  }
};

const useFromPath = async (
  pathEnv: string,
  platform: string,
  signal: AbortSignal,
): Promise<TemporalBinary | FailedWay> => {
  const path = await findOnPath(binaryNameFor(platform), pathEnv);
  if (path === undefined) return { way: 'PATH', why: 'there is no `temporal` on PATH' };
  try {
    const serverVersion = await readServerVersion(path, signal);
    if (isPinnedServerLine(serverVersion)) return { path, source: 'PATH', serverVersion };
    return {
      way: `PATH ${path}`,
      why: `it carries server ${serverVersion}, needed is 1.29.x (set TEMPORAL_CLI_PATH=${path} to use it all the same)`,
    };
  } catch (error) {
    signal.throwIfAborted();
    return { way: `PATH ${path}`, why: messageOf(error) };
  }
};

const failEveryWay = (
  failures: readonly FailedWay[],
  target: string,
  base: string,
  archive: string | undefined,
): OrchestratorError => {
  const fetchAdvice =
    archive === undefined
      ? ''
      : `  - on a machine with internet, fetch ${base}/${archive}, unpack it and put the program at ${target}\n`;
  return new OrchestratorError(
    'configuration',
    `No Temporal server could be provided (CLI ${TEMPORAL_CLI_VERSION}). Tried, in this order:\n${listFailedWays(failures)}\n` +
      `What you can do:\n` +
      fetchAdvice +
      `  - set TEMPORAL_CLI_PATH to a temporal CLI you already have (server 1.29.1 or newer)\n` +
      `  - set TEMPORAL_CLI_DOWNLOAD_BASE to a mirror that holds the archive and its checksums.txt\n` +
      `  - install Go (https://go.dev/dl) and start again; it runs: go install ${TEMPORAL_GO_PACKAGE}\n` +
      `  - set TEMPORAL_ADDRESS=host:7233 to use a Temporal server that already runs`,
  );
};

/**
 * Gives a Temporal CLI that runs: TEMPORAL_CLI_PATH, else the cache, else PATH, else the release archive, else a
 * Go build. Safe in several processes at once because download and build happen under a lock and a file gets its
 * final name only after it answered `--version`. Throws `configuration`, listing each way and why it failed.
 */
export const provideTemporalBinary = async (
  options: ProvideTemporalBinaryOptions,
): Promise<TemporalBinary> => {
  const { cacheDir, report, signal, pathEnv } = options;
  const platform = options.platform ?? process.platform;
  const arch = options.arch ?? process.arch;
  const base = (options.downloadBase ?? TEMPORAL_DOWNLOAD_BASE).replace(/\/+$/, '');
  if (options.cliPath !== undefined) return useExplicit(options.cliPath, signal);

  const target = cachedTemporalPath(cacheDir, platform);
  const cached = await useCached(target, signal);
  if ('path' in cached) return cached;
  const onPath = await useFromPath(pathEnv, platform, signal);
  if ('path' in onPath) return onPath;

  const failures: FailedWay[] = [cached, onPath];
  const fill = {
    folder: dirname(target),
    what: `Temporal CLI ${TEMPORAL_CLI_VERSION}`,
    report,
    signal,
  };
  return fillCacheFolder(fill, failures, async (tryWay) => {
    // Whoever held the lock before us may have done the work.
    const meanwhile = await useCached(target, signal);
    if ('path' in meanwhile) return meanwhile;
    const keep = async (made: string, source: TemporalBinarySource): Promise<TemporalBinary> => {
      const serverVersion = await readServerVersion(made, signal);
      if (!isPinnedServerLine(serverVersion))
        throw new Error(`it carries server ${serverVersion}, needed is 1.29.x`);
      await rename(made, target);
      return { path: target, source, serverVersion };
    };
    const binary =
      (await tryWay(`download from ${base}`, async (workDir) => {
        const made = await downloadTemporalBinary({
          base,
          platform,
          arch,
          pinnedDigests: options.pinnedDigests ?? TEMPORAL_ARCHIVE_DIGESTS,
          workDir,
          stallTimeoutMs: options.stallTimeoutMs ?? 30_000,
          report,
          signal,
        });
        return keep(made, 'download');
      })) ??
      (await tryWay(`build with Go (${TEMPORAL_GO_PACKAGE})`, async (workDir) => {
        await installWithGo({
          packages: [TEMPORAL_GO_PACKAGE],
          what: fill.what,
          takes: 'about 5 minutes on 2 cores',
          pathEnv,
          childEnv: options.childEnv,
          platform,
          workDir,
          report,
          signal,
        });
        return keep(join(workDir, binaryNameFor(platform)), 'go build');
      }));
    if (binary === undefined)
      throw failEveryWay(failures, target, base, archiveNameFor(platform, arch));
    return binary;
  });
};
