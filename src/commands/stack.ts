/** `start` and `dev`: the whole stack on one machine. */
import { watch } from 'node:fs';
import { homedir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config.ts';
import type { ProgressEvent } from '../dev/progress.ts';
import { startStack, type Stack } from '../dev/stack.ts';
import type { Environment } from '../dev/stack-options.ts';
import { userCacheDir } from '../dev/user-cache.ts';
import { messageOf } from '../errors.ts';
import { untilSignal } from '../lifecycle.ts';
import type { Logger } from '../ports.ts';

export interface LaunchOptions {
  readonly config: Config;
  readonly env: Environment;
  readonly logger: Logger;
  readonly print: (line: string) => void;
  /** Lines of the children's logs. */
  readonly onLine?: (part: string, line: string) => void;
}

/** This very program, as a child is to be started: Node, its loader flags and the entry file. */
const program = (): { execPath: string; args: string[] } => ({
  execPath: process.execPath,
  args: [...process.execArgv, process.argv[1] ?? ''],
});

/** Starts the stack; a signal during the start stops it again. */
export async function launchStack(options: LaunchOptions, signal: AbortSignal): Promise<Stack> {
  const { config, env, logger, print } = options;
  return startStack({
    config,
    env: { ...env, LOG_FORMAT: process.stdout.isTTY && options.onLine ? 'pretty' : 'json' },
    program: program(),
    cacheDir: userCacheDir(env, process.platform, homedir()),
    logger,
    report: createProgressPrinter(print),
    signal,
    ...(options.onLine ? { onLine: options.onLine } : {}),
  });
}

/** Brings up the whole stack, prints what is where, and stays until a signal. */
export async function runStart(options: LaunchOptions): Promise<void> {
  await withStack(options, async (_stack, signal) => {
    await signal;
    options.print('Stopping; a second Ctrl-C stops at once.');
  });
}

/** Like `start`, and starts API and workers again whenever a source file changes. */
export async function runDev(options: LaunchOptions): Promise<void> {
  await withStack(options, async (stack, signal) => {
    const sources = fileURLToPath(new URL('..', import.meta.url));
    const stopWatching = onSourceChange(sources, () => restart(stack, options));
    options.print(`Watching ${sources}; API and workers start again on a change.`);
    await signal;
    stopWatching();
  });
}

async function withStack(
  options: LaunchOptions,
  use: (stack: Stack, signal: Promise<string>) => Promise<void>,
): Promise<void> {
  const startedAtMs = Date.now();
  const abort = new AbortController();
  const signal = untilSignal(options.logger).then((name) => {
    abort.abort(new Error(`stopped by ${name} during the start`));
    return name;
  });
  const stack = await launchStack(options, abort.signal);
  try {
    printTable(stack, options, Date.now() - startedAtMs);
    await use(stack, signal);
  } finally {
    await stack.stop();
    options.print('Stopped.');
  }
}

function printTable(stack: Stack, { print }: LaunchOptions, elapsedMs: number): void {
  const rows = stack.parts.map(({ name, address, state }) => [name, address, state] as const);
  const width = (column: 0 | 1): number => Math.max(...rows.map((row) => row[column].length));
  print('');
  for (const [name, address, state] of rows)
    print(`  ${name.padEnd(width(0))}  ${address.padEnd(width(1))}  ${state}`);
  print('');
  print(`Ready in ${(elapsedMs / 1_000).toFixed(1)} s. Open:`);
  print(`  ${stack.url}/docs  API, with examples`);
  if (stack.temporalUiUrl) print(`  ${stack.temporalUiUrl}  every job, step by step`);
  print('Ctrl-C stops everything.');
  print('');
}

/** Progress lines, at most one a second for each step, and always its first. */
export function createProgressPrinter(
  print: (line: string) => void,
): (event: ProgressEvent) => void {
  let last = { step: '', atMs: 0 };
  return (event) => {
    const now = Date.now();
    if (event.step === last.step && now - last.atMs < 1_000) return;
    last = { step: event.step, atMs: now };
    print(event.message);
  };
}

/** Editors write a file in several steps; wait for them to be through. */
const SETTLE_MS = 200;

function onSourceChange(folder: string, changed: () => Promise<void>): () => void {
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  const watcher = watch(folder, { recursive: true }, (_event, name) => {
    if (name === null || !/\.(ts|json|sql)$/.test(name) || /\.test\.ts$/.test(name)) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      running = running.then(changed);
    }, SETTLE_MS);
  });
  return () => {
    clearTimeout(timer);
    watcher.close();
  };
}

async function restart(stack: Stack, { print }: LaunchOptions): Promise<void> {
  const startedAtMs = Date.now();
  try {
    await stack.restartRoles();
    print(`Started again in ${((Date.now() - startedAtMs) / 1_000).toFixed(1)} s.`);
  } catch (error) {
    print(`Not started: ${messageOf(error)}\nWaiting for the next change.`);
  }
}
