import { fileURLToPath } from 'node:url';
import { startProcess, type ManagedProcess } from '../src/dev/supervisor.ts';
import { silentLogger } from '../src/telemetry.ts';

/** The built program, as `npm start` runs it. */
export const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));

export interface NodeProgramOptions {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Log file and, because a `.env` there would be read, the working directory. */
  readonly dir: string;
  /** Start it again when it ends by itself. (Default: false) */
  readonly restart?: boolean;
}

export interface NodeProgram {
  readonly process: ManagedProcess;
  /** What the program said with its ready message. */
  readonly url: string | undefined;
  /** From its start to its ready message, in milliseconds. */
  readonly readyMs: number;
}

/** Starts a Node program in a process of its own and resolves when it says that it is ready. Throws when it ends before. */
export async function startNodeProgram(options: NodeProgramOptions): Promise<NodeProgram> {
  const { name, args, env, dir, restart = false } = options;
  const startedAt = performance.now();
  const logFile = `${dir}/${name}.log`;
  let ready: (message: { url?: string }) => void = () => undefined;
  const isReady = new Promise<{ url?: string }>((resolve) => {
    ready = resolve;
  });
  const child = await startProcess({
    name,
    command: process.execPath,
    args,
    env,
    cwd: dir,
    logFile,
    onMessage: (message) => ready(message as { url?: string }),
    stopTimeoutMs: 20_000,
    restart,
    logger: silentLogger,
  });
  const ended = child.exited.then(({ code, signal }) => {
    throw new Error(`${name} ended with ${code ?? signal ?? 'an unknown state'}; see ${logFile}`);
  });
  const { url } = await Promise.race([isReady, ended]);
  // Its end is expected from now on.
  ended.catch(() => undefined);
  return { process: child, url, readyMs: performance.now() - startedAt };
}
