import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { outputPrefix } from '../../src/domain/naming.ts';
import type {
  ExecutionLine,
  ExecutionOutcome,
} from '../../src/executors/simulator/execution-log.ts';
import type { ChaosServer } from './chaos-stack.ts';

/** One time that a server took a prompt up. */
export interface Execution {
  readonly server: string;
  readonly bootId: string;
  readonly promptId: string;
  readonly startMs: number;
  readonly endMs: number | undefined;
  /** Absent when the process ended while it ran. */
  readonly outcome: ExecutionOutcome | undefined;
}

/** A start of a server's process. */
export interface Boot {
  readonly server: string;
  readonly bootId: string;
  readonly atMs: number;
}

export interface ServerBooks {
  readonly executions: readonly Execution[];
  readonly boots: readonly Boot[];
}

/** What a server did in all its lives, from the file beside it. */
export async function readBooks(
  server: Pick<ChaosServer, 'id' | 'executionLog'>,
): Promise<ServerBooks> {
  const text = await readFile(server.executionLog, 'utf8');
  const executions: { -readonly [K in keyof Execution]: Execution[K] }[] = [];
  const boots: Boot[] = [];
  for (const line of text.split('\n').filter(Boolean)) {
    const entry = JSON.parse(line) as ExecutionLine;
    const { bootId } = entry;
    const atMs = Date.parse(entry.at);
    if (entry.event === 'boot') boots.push({ server: server.id, bootId, atMs });
    else if (entry.event === 'start')
      executions.push({
        ...{ server: server.id, bootId, promptId: entry.promptId },
        ...{ startMs: atMs, endMs: undefined, outcome: undefined },
      });
    else {
      const open = executions.findLast(
        (one) => one.promptId === entry.promptId && one.endMs === undefined,
      );
      if (open) Object.assign(open, { endMs: atMs, outcome: entry.outcome });
    }
  }
  return { executions, boots };
}

/** Last chunk of every whole PNG. https://www.w3.org/TR/png-3/#11IEND */
const IEND = Buffer.from('0000000049454e44ae426082', 'hex');

/** Whether the server's disk has the whole picture of an attempt. */
export async function hasWholeFile(
  dataDir: string,
  jobId: string,
  runIndex: number,
  attempt: number,
): Promise<boolean> {
  const file = join(dataDir, 'output', `${outputPrefix(jobId, runIndex, attempt)}_00001_.png`);
  const bytes = await readFile(file).catch(() => undefined);
  return bytes?.subarray(-IEND.length).equals(IEND) ?? false;
}
