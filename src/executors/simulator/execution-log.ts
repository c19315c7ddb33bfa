import { appendFileSync } from 'node:fs';

export type ExecutionOutcome = 'success' | 'error' | 'interrupted';

/** One prompt the worker took up. Kept across /sim/reset of faults, lost with the process. */
export interface ExecutionLogEntry {
  readonly promptId: string;
  readonly clientId: string | undefined;
  readonly startedAt: string;
  readonly endedAt: string | undefined;
  readonly outcome: ExecutionOutcome | undefined;
  /** Nodes that ran, in order; cached ones are not among them. */
  readonly executedNodes: readonly string[];
}

export interface ExecutionLog {
  start(
    promptId: string,
    clientId: string | undefined,
  ): (outcome: ExecutionOutcome, executed: readonly string[]) => void;
  entries(): ExecutionLogEntry[];
  /** Prompts taken up since the start, also those no longer in the log. */
  readonly total: number;
  clear(): void;
}

/** A line of the log file: what `/sim/executions` shows, and when a process began; it outlives the process. */
export type ExecutionLine =
  | { readonly event: 'boot'; readonly bootId: string; readonly at: string }
  | {
      readonly event: 'start';
      readonly bootId: string;
      readonly at: string;
      readonly promptId: string;
    }
  | {
      readonly event: 'end';
      readonly bootId: string;
      readonly at: string;
      readonly promptId: string;
      readonly outcome: ExecutionOutcome;
      readonly executedNodes: readonly string[];
    };

/** Appends lines at once, so that a killed simulator leaves all it did. Writes where its process began. */
export const appendExecutions = (file: string, bootId: string) => {
  const write = (line: ExecutionLine): void => appendFileSync(file, `${JSON.stringify(line)}\n`);
  const now = (): string => new Date().toISOString();
  write({ event: 'boot', bootId, at: now() });
  return {
    started: (promptId: string): void => write({ event: 'start', bootId, at: now(), promptId }),
    ended: (promptId: string, outcome: ExecutionOutcome, executedNodes: readonly string[]): void =>
      write({ event: 'end', bootId, at: now(), promptId, outcome, executedNodes }),
  };
};

/** Log of executions, oldest first, bounded. (Default: 10,000.) `file` hears of each at once. */
export const createExecutionLog = (
  limit = 10_000,
  file?: ReturnType<typeof appendExecutions>,
): ExecutionLog => {
  let log: ExecutionLogEntry[] = [];
  let total = 0;
  return {
    start: (promptId, clientId) => {
      total += 1;
      const entry: { -readonly [K in keyof ExecutionLogEntry]: ExecutionLogEntry[K] } = {
        promptId,
        clientId,
        startedAt: new Date().toISOString(),
        endedAt: undefined,
        outcome: undefined,
        executedNodes: [],
      };
      log.push(entry);
      file?.started(promptId);
      if (log.length > limit) log.shift();
      return (outcome, executed) => {
        entry.endedAt = new Date().toISOString();
        entry.outcome = outcome;
        entry.executedNodes = executed;
        file?.ended(promptId, outcome, executed);
      };
    },
    entries: () => log.map((entry) => ({ ...entry })),
    get total() {
      return total;
    },
    clear: () => {
      log = [];
      total = 0;
    },
  };
};
