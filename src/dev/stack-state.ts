/** `stack.json`: what runs where, for `doctor` and for people. Holds no secret. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { identityOf, isSameProcess, type ProcessIdentity } from './process-identity.ts';
import { stackPaths } from './stack-paths.ts';
import type { StackPart } from './stack-options.ts';

export interface StackState {
  readonly launcher: ProcessIdentity;
  readonly startedAt: string;
  readonly url: string;
  readonly temporalAddress: string;
  /** Absent with a list of servers. */
  readonly comfyUrl?: string;
  /** Absent with a PostgreSQL of the person's own. */
  readonly postgresPort?: number;
  readonly parts: readonly StackPart[];
}

/** Notes a stack of this process. */
export async function writeStackState(
  dataDir: string,
  state: Omit<StackState, 'launcher' | 'startedAt'>,
): Promise<string> {
  const path = stackPaths(dataDir).state;
  const whole: StackState = {
    launcher: identityOf(process.pid),
    startedAt: new Date().toISOString(),
    ...state,
  };
  await writeFile(`${path}.draft`, `${JSON.stringify(whole, null, 2)}\n`);
  await rename(`${path}.draft`, path);
  return path;
}

/** The stack of this folder, if its launcher still runs. */
export async function readRunningStack(dataDir: string): Promise<StackState | undefined> {
  try {
    const state = JSON.parse(await readFile(stackPaths(dataDir).state, 'utf8')) as StackState;
    return isSameProcess(state.launcher) ? state : undefined;
  } catch {
    // No stack was started there, or its launcher died; either way none is running.
    return undefined;
  }
}
