import type { ManagedProcess } from './supervisor.ts';
import { startProcess } from './supervisor.ts';
import type { Logger } from '../ports.ts';
import { OrchestratorError } from '../errors.ts';
import { readLogTail } from './log-file.ts';
import { stackPaths } from './stack-paths.ts';

export interface RoleProcessOptions {
  /** Also the name of its log file. */
  readonly name: string;
  /** Arguments of the CLI. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly dataDir: string;
  /** Node and the entry file of this very program, so that children run what the launcher runs. */
  readonly program: { readonly execPath: string; readonly args: readonly string[] };
  readonly onLine?: (line: string) => void;
  readonly logger: Logger;
  /** Gives up the start; once ready the process is stopped by its handle only. */
  readonly signal: AbortSignal;
}

export interface RoleProcess {
  readonly process: ManagedProcess;
  /** Where it listens, when it does. */
  readonly url: string | undefined;
}

/** Bundling workflows from source on a busy machine is the slowest start there is. */
const READY_TIMEOUT_MS = 90_000;

/** Starts a role of this program as a child and waits until it says that it is ready. Throws `configuration` with the end of its log. */
export async function startRoleProcess(options: RoleProcessOptions): Promise<RoleProcess> {
  const { name, dataDir, program, signal } = options;
  signal.throwIfAborted();
  const logFile = stackPaths(dataDir).log(name);
  let onReady: (url: string | undefined) => void = () => undefined;
  const ready = new Promise<string | undefined>((resolve) => (onReady = resolve));
  const child = await startProcess({
    name,
    command: program.execPath,
    args: [...program.args, ...options.args],
    env: options.env,
    logFile,
    runDir: stackPaths(dataDir).run,
    stopTimeoutMs: 20_000,
    restart: true,
    logger: options.logger,
    onMessage: (message) => {
      if (isReady(message)) onReady(message.url);
    },
    ...(options.onLine ? { onLine: options.onLine } : {}),
  });
  let timer: NodeJS.Timeout | undefined;
  const outcome = await Promise.race([
    ready.then((url) => ({ url })),
    child.nextExit().then(() => 'it ended' as const),
    new Promise<'it was not ready in time'>((resolve) => {
      const giveUp = (): void => resolve('it was not ready in time');
      timer = setTimeout(giveUp, READY_TIMEOUT_MS);
      signal.addEventListener('abort', giveUp, { once: true });
    }),
  ]).finally(() => clearTimeout(timer));
  if (typeof outcome !== 'string') return { process: child, url: outcome.url };
  await child.stop();
  signal.throwIfAborted();
  const tail = await readLogTail(logFile, child.logOffset);
  throw new OrchestratorError(
    'configuration',
    `${name} did not start: ${outcome}. The end of its log (${logFile}):\n${tail || '(empty)'}`,
  );
}

const isReady = (message: unknown): message is { ready: true; url?: string } =>
  typeof message === 'object' && message !== null && 'ready' in message;
