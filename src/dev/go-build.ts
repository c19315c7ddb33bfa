import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { findOnPath } from './path-lookup.ts';
import { formatClock } from './progress.ts';
import type { ReportProgress } from './progress.ts';

export interface GoBuildOptions {
  /** `module/path@version`, all of one module. */
  readonly packages: readonly string[];
  /** For the clock: `Temporal CLI 1.5.1`. */
  readonly what: string;
  /** For the clock: `about 5 minutes on 2 cores`. */
  readonly takes: string;
  readonly pathEnv: string;
  /** The environment Go runs in (HOME, GOPROXY, proxies …). */
  readonly childEnv: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
  /** An empty folder of our own; the caller removes it. */
  readonly workDir: string;
  readonly report: ReportProgress;
  readonly signal: AbortSignal;
}

const TAIL_LINES = 8;

/** What Go prints with -v: modules it downloads, then packages it compiles. */
const describeLine = (line: string): string =>
  line.startsWith('go: ') ? line.slice(4) : `compiling ${line}`;

/**
 * Builds programs with `go install` into `workDir`, under the names Go gives them; reports a running clock every
 * second. Throws with the end of Go's output.
 */
export const installWithGo = async (options: GoBuildOptions): Promise<void> => {
  const { packages, platform, signal, workDir } = options;
  const go = await findOnPath(platform === 'win32' ? 'go.exe' : 'go', options.pathEnv);
  if (go === undefined) throw new Error('there is no `go` on PATH');
  signal.throwIfAborted();

  const startedAt = Date.now();
  const tail: string[] = [];
  let doing = 'resolving modules';
  const child = spawn(go, ['install', '-v', '-ldflags', '-s -w', ...packages], {
    cwd: workDir,
    env: { ...options.childEnv, PATH: options.pathEnv, CGO_ENABLED: '0', GOBIN: workDir },
    stdio: ['ignore', 'ignore', 'pipe'],
    // Go starts compilers; its own process group lets an abort reach them all.
    detached: platform !== 'win32',
  });
  createInterface({ input: child.stderr }).on('line', (line) => {
    doing = describeLine(line);
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
  });
  const say = (): void => {
    const elapsedMs = Date.now() - startedAt;
    options.report({
      step: 'build',
      message: `building ${options.what} with Go (once, ${options.takes}) ${formatClock(elapsedMs)}: ${doing}`,
      elapsedMs,
    });
  };
  const stop = (): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(platform === 'win32' ? child.pid : -child.pid, 'SIGTERM');
    } catch {
      // It ended by itself in the meantime.
    }
  };
  signal.addEventListener('abort', stop, { once: true });
  say();
  const ticker = setInterval(say, 1000);
  try {
    const code = await new Promise<number | string>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (exitCode, killedBy) => {
        resolve(exitCode ?? killedBy ?? 'unknown');
      });
    });
    signal.throwIfAborted();
    if (code !== 0) throw new Error(`${go} install ended with ${code}: ${tail.join(' | ')}`);
  } finally {
    clearInterval(ticker);
    signal.removeEventListener('abort', stop);
  }
};
