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

/** Log of executions, oldest first, bounded. (Default: 10,000.) */
export const createExecutionLog = (limit = 10_000): ExecutionLog => {
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
      if (log.length > limit) log.shift();
      return (outcome, executed) => {
        entry.endedAt = new Date().toISOString();
        entry.outcome = outcome;
        entry.executedNodes = executed;
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
