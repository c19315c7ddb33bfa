/** `start` and `dev`: the whole stack on one machine. */
import { fileURLToPath } from 'node:url';
import type { Stack } from '../dev/stack.ts';
import { watchSources } from '../dev/source-watch.ts';
import { messageOf } from '../errors.ts';
import { untilSignal } from '../lifecycle.ts';
import { launchStack, partsTable, secondsSince, type LaunchOptions } from './launch.ts';

/** Brings up the whole stack, prints what is where, and stays until a signal. */
export async function runStart(options: LaunchOptions): Promise<void> {
  await withStack(options, (_stack, signal) => signal);
}

/** Like `start`, and starts API and workers again whenever a source file below `folder` changes. (Default: this program's) */
export async function runDev(options: LaunchOptions, folder?: string): Promise<void> {
  const watched = folder ?? fileURLToPath(new URL('..', import.meta.url));
  await withStack(options, async (stack, signal) => {
    const sources = watchSources(watched, () => restart(stack, options));
    options.print(`Watching ${watched}: API and workers start again when a file changes.\n`);
    await signal;
    sources.close();
  });
}

async function withStack(
  options: LaunchOptions,
  use: (stack: Stack, signal: Promise<unknown>) => Promise<unknown>,
): Promise<void> {
  const { print, logger, onLine } = options;
  const startedAtMs = Date.now();
  const abort = new AbortController();
  const signal = untilSignal(logger).then(() => abort.abort(new Error('stopped')));
  // Before the table and after Ctrl-C the parts' own lines would only be in the way; their logs have them.
  let shows = false;
  const quiet = { ...options, onLine: (line: string) => void (shows && onLine?.(line)) };
  print('Starting …');
  let stack: Stack;
  try {
    stack = await launchStack(quiet, abort.signal);
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    print('Stopped before it was ready.');
    return;
  }
  try {
    for (const line of ready(stack, options, startedAtMs)) print(line);
    shows = true;
    await use(stack, signal);
    shows = false;
    print('Stopping; a second Ctrl-C stops at once.');
  } finally {
    await stack.stop();
  }
  print('Stopped.');
}

function ready(stack: Stack, { config }: LaunchOptions, startedAtMs: number): string[] {
  const links = [
    [`${stack.url}/docs`, 'the API, with examples to try'],
    ...(stack.temporalUiUrl ? [[stack.temporalUiUrl, 'Temporal: every job, step by step']] : []),
  ] as const;
  const width = Math.max(...links.map(([url = '']) => url.length));
  return [
    '',
    ...partsTable(stack.parts),
    '',
    `Ready in ${secondsSince(startedAtMs)}. Open:`,
    ...links.map(([url = '', what = '']) => `  ${url.padEnd(width)}  ${what}`),
    '',
    `Data and logs: ${config.DATA_DIR}. Ctrl-C stops everything.`,
    '',
  ];
}

async function restart(stack: Stack, { print }: LaunchOptions): Promise<void> {
  const startedAtMs = Date.now();
  try {
    await stack.restartRoles();
    print(`Started again in ${secondsSince(startedAtMs)}.`);
  } catch (error) {
    print(`Not started: ${messageOf(error)}\nWaiting for the next change.`);
  }
}
