/** How fast jobs get through servers. Pure. */

export interface EndedJob {
  readonly pool: string;
  readonly tenant: string;
  readonly claimedAt: Date;
  readonly finishedAt: Date;
}

/**
 * Jobs ended per second of the time in which at least one of them had a server, so that pauses without work do not count;
 * undefined when there are none.
 */
export function throughputOf(ended: readonly EndedJob[]): number | undefined {
  if (ended.length === 0) return undefined;
  const spans = ended
    .map(({ claimedAt, finishedAt }) => [claimedAt.getTime(), finishedAt.getTime()] as const)
    .sort(([a], [b]) => a - b);
  let busyMs = 0;
  let until = -Infinity;
  for (const [from, to] of spans) {
    busyMs += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return ended.length / (Math.max(busyMs, 1) / 1_000);
}

const LONGEST_WAIT_SECONDS = 3_600;
const UNKNOWN_WAIT_SECONDS = 30;

/** Whole seconds until that many jobs got through, 1 to 3,600; 30 when nothing is known. */
export function secondsFor(jobs: number, ratePerSecond: number | undefined): number {
  if (ratePerSecond === undefined) return UNKNOWN_WAIT_SECONDS;
  return Math.min(LONGEST_WAIT_SECONDS, Math.max(1, Math.ceil(jobs / ratePerSecond)));
}
