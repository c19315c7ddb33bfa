/** The programs of a Temporal server on PostgreSQL, which the CLI does not hold: server and SQL tool. */
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { OrchestratorError, messageOf } from '../errors.ts';
import { fillCacheFolder, listFailedWays, type FailedWay } from './cache-folder.ts';
import { installWithGo } from './go-build.ts';
import { findOnPath } from './path-lookup.ts';
import type { ReportProgress } from './progress.ts';
import {
  TEMPORAL_SERVER_VERSION,
  isPinnedServerLine,
  isUsableServer,
  parseProgramVersion,
  readVersion,
} from './temporal-release.ts';

export interface TemporalPrograms {
  /** Folder that holds both, to be put on a PATH. */
  readonly dir: string;
  readonly server: string;
  readonly sqlTool: string;
  readonly source: 'TEMPORAL_SERVER_DIR' | 'cache' | 'PATH' | 'go build';
  readonly version: string;
}

export interface ProvideTemporalProgramsOptions {
  /** TEMPORAL_SERVER_DIR: used or refused, never replaced by another way. */
  readonly serverDir?: string | undefined;
  /** The program's cache folder of this user, e.g. `~/.cache/civitai-orchestrator`. */
  readonly cacheDir: string;
  readonly pathEnv: string;
  /** Environment for Go; its PATH is replaced by `pathEnv`. */
  readonly childEnv: Readonly<Record<string, string | undefined>>;
  readonly report: ReportProgress;
  readonly signal: AbortSignal;
  readonly platform?: string;
}

const MODULE = 'go.temporal.io/server';

/** What `go install` is given, and the names that Go and the releases give to the results. */
export const SERVER_GO_PACKAGES = [
  `${MODULE}/cmd/server@v${TEMPORAL_SERVER_VERSION}`,
  `${MODULE}/cmd/tools/sql@v${TEMPORAL_SERVER_VERSION}`,
] as const;

const namesOn = (platform: string) => {
  const suffix = platform === 'win32' ? '.exe' : '';
  return {
    server: { built: `server${suffix}`, released: `temporal-server${suffix}` },
    sqlTool: { built: `sql${suffix}`, released: `temporal-sql-tool${suffix}` },
  };
};

/** Where the programs of the pinned version lie: `<cacheDir>/temporal-server/<version>`. */
export const cachedProgramsDir = (cacheDir: string): string =>
  join(cacheDir, 'temporal-server', TEMPORAL_SERVER_VERSION);

/** Throws when one of the two does not run, or when they are of two versions. */
const openPrograms = async (
  dir: string,
  platform: string,
  source: TemporalPrograms['source'],
  signal: AbortSignal,
): Promise<TemporalPrograms> => {
  const names = namesOn(platform);
  const [server, sqlTool] = [join(dir, names.server.released), join(dir, names.sqlTool.released)];
  const version = await readVersion(server, signal, parseProgramVersion);
  const toolVersion = await readVersion(sqlTool, signal, parseProgramVersion);
  if (toolVersion !== version)
    throw new Error(`${server} is version ${version}, but ${sqlTool} is ${toolVersion}`);
  return { dir, server, sqlTool, source, version };
};

const useExplicit = async (
  dir: string,
  platform: string,
  signal: AbortSignal,
): Promise<TemporalPrograms> => {
  const advice =
    'It must hold temporal-server and temporal-sql-tool of one version, 1.29.1 or newer. Unset it to let them be built.';
  const refused = (why: string): OrchestratorError =>
    new OrchestratorError(
      'configuration',
      `TEMPORAL_SERVER_DIR=${dir} cannot be used: ${why}. ${advice}`,
    );
  const programs = await openPrograms(dir, platform, 'TEMPORAL_SERVER_DIR', signal).catch(
    (error: unknown) => {
      signal.throwIfAborted();
      throw refused(messageOf(error));
    },
  );
  if (!isUsableServer(programs.version)) throw refused(`version ${programs.version} is too old`);
  return programs;
};

/** Looks into a folder; programs that do not run or are another version count as absent. */
const usePinned = async (
  dir: string,
  platform: string,
  source: 'cache' | 'PATH',
  signal: AbortSignal,
): Promise<TemporalPrograms | FailedWay> => {
  const way = `${source} ${dir}`;
  try {
    const programs = await openPrograms(dir, platform, source, signal);
    if (isPinnedServerLine(programs.version)) return programs;
    return { way, why: `version ${programs.version}, needed is 1.29.x` };
  } catch (error) {
    signal.throwIfAborted();
    const absent = messageOf(error).includes('ENOENT');
    return { way, why: absent ? 'the programs are not there' : messageOf(error) };
  }
};

const failEveryWay = (failures: readonly FailedWay[], target: string): OrchestratorError =>
  new OrchestratorError(
    'configuration',
    `No Temporal server for PostgreSQL could be provided (${TEMPORAL_SERVER_VERSION}). Tried, in this order:\n${listFailedWays(failures)}\n` +
      `What you can do:\n` +
      `  - install Go (https://go.dev/dl) and start again; it runs: go install ${SERVER_GO_PACKAGES.join(' ')}\n` +
      `  - unpack the archive of release v${TEMPORAL_SERVER_VERSION} of https://github.com/temporalio/temporal into ${target}\n` +
      `  - set TEMPORAL_SERVER_DIR to a folder that holds temporal-server and temporal-sql-tool (1.29.1 or newer)`,
  );

/**
 * Gives `temporal-server` and `temporal-sql-tool`: TEMPORAL_SERVER_DIR, else the cache, else PATH, else a Go build
 * (once, about 4 minutes on 2 cores). Safe in several processes at once, as `provideTemporalBinary` is. Throws
 * `configuration`, listing each way and why it failed.
 */
export const provideTemporalPrograms = async (
  options: ProvideTemporalProgramsOptions,
): Promise<TemporalPrograms> => {
  const { cacheDir, pathEnv, report, signal } = options;
  const platform = options.platform ?? process.platform;
  if (options.serverDir !== undefined) return useExplicit(options.serverDir, platform, signal);

  const target = cachedProgramsDir(cacheDir);
  const names = namesOn(platform);
  const cached = await usePinned(target, platform, 'cache', signal);
  if ('dir' in cached) return cached;
  const serverOnPath = await findOnPath(names.server.released, pathEnv);
  const onPath =
    serverOnPath === undefined
      ? { way: 'PATH', why: `there is no \`${names.server.released}\` on PATH` }
      : await usePinned(dirname(serverOnPath), platform, 'PATH', signal);
  if ('dir' in onPath) return onPath;

  const failures: FailedWay[] = [cached, onPath];
  const what = `Temporal server ${TEMPORAL_SERVER_VERSION} and its SQL tool`;
  return fillCacheFolder({ folder: target, what, report, signal }, failures, async (tryWay) => {
    // Whoever held the lock before us may have done the work.
    const meanwhile = await usePinned(target, platform, 'cache', signal);
    if ('dir' in meanwhile) return meanwhile;
    const programs = await tryWay(`build with Go (${MODULE})`, async (workDir) => {
      await installWithGo({
        packages: SERVER_GO_PACKAGES,
        what,
        takes: 'about 4 minutes on 2 cores',
        pathEnv,
        childEnv: options.childEnv,
        platform,
        workDir,
        report,
        signal,
      });
      const checked = join(workDir, 'checked');
      await mkdir(checked);
      for (const { built, released } of Object.values(names))
        await rename(join(workDir, built), join(checked, released));
      const { version } = await openPrograms(checked, platform, 'go build', signal);
      if (!isPinnedServerLine(version)) throw new Error(`it is ${version}, needed is 1.29.x`);
      for (const { released } of Object.values(names))
        await rename(join(checked, released), join(target, released));
      return openPrograms(target, platform, 'go build', signal);
    });
    if (programs === undefined) throw failEveryWay(failures, target);
    return programs;
  });
};
