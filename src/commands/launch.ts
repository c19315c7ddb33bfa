/** Starts the stack for `start`, `dev` and `demo`. */
import { homedir } from 'node:os';
import type { Config } from '../config.ts';
import type { ReportProgress } from '../dev/progress.ts';
import { startStack, type Stack } from '../dev/stack.ts';
import type { Environment } from '../dev/stack-options.ts';
import { userCacheDir } from '../dev/user-cache.ts';
import type { Logger } from '../ports.ts';

export interface LaunchOptions {
  readonly config: Config;
  readonly env: Environment;
  readonly logger: Logger;
  readonly print: (line: string) => void;
  /** Lines of the children's logs; without it they only go to the log files. */
  readonly onLine?: (line: string) => void;
}

/** Loading a program fills V8's young generation to its limit (16 MB, held twice), and an idle process never gives it back. */
const SMALL_YOUNG_GENERATION = '--max-semi-space-size=4';

/** This very program, as a child is to be started: Node, its flags (what the person has set wins) and the entry file. */
const program = (): { execPath: string; args: string[] } => ({
  execPath: process.execPath,
  args: [SMALL_YOUNG_GENERATION, ...process.execArgv, process.argv[1] ?? ''],
});

/** Children write to a pipe; whether a person reads it is known here only. */
const logFormat = ({ config, onLine }: LaunchOptions): 'pretty' | 'json' => {
  if (config.LOG_FORMAT !== 'auto') return config.LOG_FORMAT;
  return process.stdout.isTTY && onLine ? 'pretty' : 'json';
};

/** Starts the stack; aborting during the start stops it again and throws the signal's reason. */
export async function launchStack(options: LaunchOptions, signal: AbortSignal): Promise<Stack> {
  const { config, env, logger, print, onLine } = options;
  const stack = await startStack({
    config,
    env: { ...env, LOG_FORMAT: logFormat(options) },
    program: program(),
    cacheDir: userCacheDir(env, process.platform, homedir()),
    logger,
    report: createProgressPrinter(print),
    signal,
    ...(onLine ? { onLine: (_part: string, line: string) => onLine(line) } : {}),
  });
  if (!signal.aborted) return stack;
  await stack.stop();
  throw signal.reason;
}

/** Progress lines, at most one a second for each step, and always its first. */
function createProgressPrinter(print: (line: string) => void): ReportProgress {
  let last = { step: '', atMs: 0 };
  return ({ step, message }) => {
    const now = Date.now();
    if (step === last.step && now - last.atMs < 1_000) return;
    last = { step, atMs: now };
    print(message);
  };
}

/** One line per part, its columns aligned, under a head. */
export function partsTable(parts: Stack['parts']): string[] {
  const rows = [
    ['Part', 'Address', 'State'] as const,
    ...parts.map(({ name, address, state }) => [name, address, state] as const),
  ];
  const width = (column: 0 | 1): number => Math.max(...rows.map((row) => row[column].length));
  return rows.map(
    ([name, address, state]) => `  ${name.padEnd(width(0))}  ${address.padEnd(width(1))}  ${state}`,
  );
}

/** Time since then, as `3.1 s`. */
export const secondsSince = (sinceMs: number): string =>
  `${((Date.now() - sinceMs) / 1_000).toFixed(1)} s`;
