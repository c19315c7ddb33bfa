import { spawn } from 'node:child_process';
import { inject } from 'vitest';

const KILL_SWITCH = new URL('./kill-switch.mjs', import.meta.url).href;
const SHIFTED_CLOCK = new URL('./shifted-clock.mjs', import.meta.url).href;

export interface RoleProcess {
  readonly pid: number;
  isRunning(): boolean;
  /** Where it listens, when the role has an API. */
  readonly url: string | undefined;
  /** Ends it as `kill -9` does. */
  kill(): Promise<void>;
  /** Asks it to drain, by SIGTERM, and resolves with its exit code. */
  terminate(): Promise<number | null>;
  /** What it has written to stdout and stderr. */
  output(): string;
  /** Resolves when it has ended by itself. */
  readonly ended: Promise<unknown>;
}

/** What is done to the process without changing the product. */
export interface Tampering {
  /** The moment at which it is killed, see kill-switch.mjs. */
  readonly killAt?: string;
  /** How far its clock is ahead. */
  readonly clockShiftMs?: number;
}

/** Starts a role as a process of its own and resolves when it is ready. Throws with its output when it ends before. */
export async function startRoleProcess(
  role: string,
  env: Readonly<Record<string, string>>,
  cwd = process.cwd(),
  { killAt, clockShiftMs }: Tampering = {},
): Promise<RoleProcess> {
  const preloads = [
    ...(killAt === undefined ? [] : [KILL_SWITCH]),
    ...(clockShiftMs === undefined ? [] : [SHIFTED_CLOCK]),
  ].flatMap((module) => ['--import', module]);
  const child = spawn(process.execPath, [...preloads, inject('builtCli'), role], {
    cwd,
    env: {
      ...env,
      ...(killAt === undefined ? {} : { KILL_AT: killAt }),
      ...(clockShiftMs === undefined ? {} : { CLOCK_SHIFT_MS: String(clockShiftMs) }),
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  // With the last of its output, which may come behind its exit.
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const { url } = await new Promise<{ url?: string }>((resolve, reject) => {
    child.once('message', (ready) => resolve(ready as { url?: string }));
    void ended.then((code) => reject(new Error(`${role} ended with ${code}: ${output}`)));
  });
  const end = (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return ended;
  };
  return {
    pid: child.pid ?? -1,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    url,
    output: () => output,
    kill: async () => void (await end('SIGKILL')),
    terminate: () => end('SIGTERM'),
    ended,
  };
}
