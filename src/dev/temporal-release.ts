import { execFile } from 'node:child_process';

/** The engine, in the CLI and as a server of its own. */
export const TEMPORAL_SERVER_VERSION = '1.29.1';

/** One engine for download and build alike: CLI 1.5.1 carries server 1.29.1. */
export const TEMPORAL_CLI_VERSION = '1.5.1';

/** Where Temporal publishes its archives and their `checksums.txt`: https://github.com/temporalio/cli/releases */
export const TEMPORAL_DOWNLOAD_BASE = `https://github.com/temporalio/cli/releases/download/v${TEMPORAL_CLI_VERSION}`;

export const TEMPORAL_GO_PACKAGE = `github.com/temporalio/cli/cmd/temporal@v${TEMPORAL_CLI_VERSION}`;

/**
 * SHA-256 of the archives of this release, as listed with it. Archives without an entry are checked against
 * the `checksums.txt` that lies beside them.
 */
export const TEMPORAL_ARCHIVE_DIGESTS: Readonly<Record<string, string>> = {
  'temporal_cli_1.5.1_linux_amd64.tar.gz':
    'ddc95e08b0b076efd4ea9733a3f488eb7d2be875f8834e616cd2a37358b4852d',
  'temporal_cli_1.5.1_linux_arm64.tar.gz':
    'bd1b0db9f18b051026de8bf6cc1505f2510f14bbb7a8b9a4a91fff46c77454f5',
  'temporal_cli_1.5.1_darwin_amd64.tar.gz':
    'bbb73e2a31135abe50a1f1cdb35030c42961df618e8ce9c60ae89f201540c5d9',
  'temporal_cli_1.5.1_darwin_arm64.tar.gz':
    'cca01b7ea35ad56e2a328d9ae596bf716bd22313ef63c7a761c88354457c2415',
};

const OS_NAMES: Readonly<Record<string, string>> = {
  linux: 'linux',
  darwin: 'darwin',
  win32: 'windows',
};
const ARCH_NAMES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** File name of the release archive for a platform, or undefined where Temporal publishes none. */
export const archiveNameFor = (platform: string, arch: string): string | undefined => {
  const os = OS_NAMES[platform];
  const cpu = ARCH_NAMES[arch];
  if (os === undefined || cpu === undefined) return undefined;
  return `temporal_cli_${TEMPORAL_CLI_VERSION}_${os}_${cpu}.${os === 'windows' ? 'zip' : 'tar.gz'}`;
};

/** File name of the program on a platform. */
export const binaryNameFor = (platform: string): string =>
  platform === 'win32' ? 'temporal.exe' : 'temporal';

/** Server version out of `temporal --version`, the one thing a release and a Go build both say truly. */
export const parseServerVersion = (output: string): string | undefined =>
  /\(Server (\d+\.\d+\.\d+)/.exec(output)?.[1];

/** Version out of `--version` of `temporal-server` and `temporal-sql-tool`: `temporal version 1.29.1`. */
export const parseProgramVersion = (output: string): string | undefined =>
  /^\S+ version (\d+\.\d+\.\d+)\s*$/m.exec(output)?.[1];

const partsOf = (version: string): [number, number, number] => {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return [major, minor, patch];
};

/** The line this project is tested with: 1.29.x from 1.29.1 on. */
export const isPinnedServerLine = (version: string): boolean => {
  const [major, minor, patch] = partsOf(version);
  return major === 1 && minor === 29 && patch >= 1;
};

/** 1.29.1 or anything newer: what a person may choose on their own account. */
export const isUsableServer = (version: string): boolean => {
  const [major, minor] = partsOf(version);
  return major > 1 || (major === 1 && minor > 29) || isPinnedServerLine(version);
};

/** What `--version` of a program says, read by `parse`. Throws with what it said if that is something else. */
export const readVersion = (
  path: string,
  signal: AbortSignal,
  parse: (output: string) => string | undefined,
): Promise<string> =>
  new Promise((resolve, reject) => {
    // The first run of a 200 MB program from a cold disk takes seconds.
    execFile(path, ['--version'], { timeout: 60_000, signal }, (error, stdout, stderr) => {
      if (error !== null) {
        const said = stderr.trim().slice(-300);
        reject(new Error(said === '' ? error.message : `${error.message.trim()} (${said})`));
        return;
      }
      const version = parse(stdout);
      if (version !== undefined) resolve(version);
      else
        reject(
          new Error(`--version said «${stdout.trim().slice(0, 200)}», no Temporal server version`),
        );
    });
  });

/** Runs `--version` and returns the server version. Throws with what the program said if it is no Temporal CLI. */
export const readServerVersion = (path: string, signal: AbortSignal): Promise<string> =>
  readVersion(path, signal, parseServerVersion);
