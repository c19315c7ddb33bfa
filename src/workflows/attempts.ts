import type { JobFailure, Lease } from '../domain/job.ts';

/** One attempt that failed, as the error of the job tells it. */
interface FailedAttempt {
  readonly attempt: number;
  readonly serverId: string;
  /** Start of the server that had the prompt, where it is known. */
  readonly bootId: string | undefined;
  readonly at: string;
  readonly code: string;
  /** The prompt was lost while it waited in the queue of the server, through no fault of its job. */
  readonly waited: boolean;
}

/**
 * Attempts that were lost while they waited behind another job count no attempt; beyond so many they do, or a server
 * that dies all day would fill the history.
 */
const MOST_FREE = 20;
/** Attempts the message names; the oldest are left out. */
const MOST_SHOWN = 10;
/** Failures with which a server went down or was given up. */
const WENT_DOWN = new Set(['prompt_lost', 'server_lost']);

export interface Attempts {
  /** Notes a failed attempt. True when it was the last one the job has. */
  failed(lease: Lease, bootId: string | undefined, failure: JobFailure, waited: boolean): boolean;
  /** Servers that went down while they drew this job, each once. */
  suspectedOf(): readonly string[];
  /** What the error of the job says. */
  evidence(): string;
  /** The failure of a job that has no attempt left. */
  exhausted(last: JobFailure): JobFailure;
}

/** Counts the attempts of a job and keeps the evidence. `now`: the workflow's clock, as an ISO time. */
export function createAttempts(limit: number, now: () => string): Attempts {
  const failed: FailedAttempt[] = [];
  const evidence = (): string => {
    const shown = failed.slice(-MOST_SHOWN).map(line);
    const left = failed.length - shown.length;
    return `${left > 0 ? `${left} earlier; ` : ''}${shown.join('; ')}`;
  };
  return {
    failed(lease, bootId, { code }, waited) {
      const { attempt, serverId } = lease;
      failed.push({ attempt, serverId, bootId, at: now(), code, waited });
      const free = failed.filter((one) => one.waited).length;
      return failed.length - Math.min(free, MOST_FREE) >= limit;
    },
    suspectedOf: () => [
      ...new Set(
        failed.flatMap(({ code, waited, serverId }) =>
          WENT_DOWN.has(code) && !waited ? [serverId] : [],
        ),
      ),
    ],
    evidence,
    exhausted: (last) => ({
      code: 'attempts_exhausted',
      message: `All ${limit} attempts failed; the last with ${last.code}: ${last.message.slice(0, 1_000)} (${evidence()})`,
    }),
  };
}

const line = ({ attempt, serverId, bootId, at, code, waited }: FailedAttempt): string =>
  `attempt ${attempt} on ${serverId}${bootId === undefined ? '' : ` (boot ${bootId})`} at ${at}: ${code}` +
  (waited ? ' while it waited behind another job, not counted' : '');
