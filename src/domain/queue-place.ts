/** How many jobs are ahead of one that waits, estimated from counts. Pure. */

/** Jobs of one tenant and level that wait for a pool. */
export interface QueueGroup {
  readonly pool: string;
  readonly tenant: string;
  /** 1 (first) to 5, with the levels that waiting has earned. */
  readonly level: number;
  readonly jobs: number;
  readonly cost: number;
  /** Some of its jobs, oldest first: the first ones and then every so many. */
  readonly marks: readonly QueueMark[];
}

/** A job of a group and how many of the group are before it. */
export interface QueueMark {
  readonly before: number;
  readonly createdAtMs: number;
  /** Its place in its batch. */
  readonly position: number;
}

export interface WaitingJob {
  readonly pool: string;
  readonly tenant: string;
  readonly level: number;
  readonly createdAtMs: number;
  readonly position: number;
}

export interface QueuePlace {
  readonly precedingJobs: number;
  readonly precedingCost: number;
  /** Those of the same tenant and level. */
  readonly precedingOwn: number;
}

/** Level that a job has after that long a wait. */
export const agedLevel = (priority: number, waitedMs: number, priorityAgeMs: number): number =>
  Math.max(1, priority - Math.floor(Math.max(0, waitedMs) / priorityAgeMs));

/**
 * Ahead are all jobs of better levels, the tenant's own older ones of this level, and of every other tenant of this level
 * as many as have their turn meanwhile.
 */
export function placeInQueue(
  job: WaitingJob,
  groups: readonly QueueGroup[],
  weightOf: (tenant: string) => number,
): QueuePlace {
  const mine = groups.filter(({ pool, level }) => pool === job.pool && level <= job.level);
  const own = mine.find(({ tenant, level }) => tenant === job.tenant && level === job.level);
  const precedingOwn = own ? countBefore(job, own) : 0;
  let precedingJobs = 0;
  let precedingCost = 0;
  for (const group of mine) {
    const ahead =
      group.level < job.level
        ? group.jobs
        : group === own
          ? precedingOwn
          : turnsWithin(precedingOwn, weightOf(group.tenant) / weightOf(job.tenant), group.jobs);
    precedingJobs += ahead;
    precedingCost += group.jobs === 0 ? 0 : (group.cost * ahead) / group.jobs;
  }
  return { precedingJobs, precedingCost, precedingOwn };
}

const turnsWithin = (own: number, share: number, most: number): number =>
  Math.min(most, Math.floor((own + 0.5) * share));

/** Exact where the marks are close; between two marks of one batch counted by the place in the batch. */
function countBefore(job: WaitingJob, { marks, jobs }: QueueGroup): number {
  const next = marks.findIndex((mark) => !isOlder(mark, job));
  const last = marks[(next === -1 ? marks.length : next) - 1];
  if (!last) return 0;
  const most = (next === -1 ? jobs : (marks[next]?.before ?? jobs)) - 1;
  const further = last.createdAtMs === job.createdAtMs ? job.position - last.position : 1;
  return Math.max(last.before + 1, Math.min(most + 1, last.before + further));
}

const isOlder = (mark: QueueMark, job: WaitingJob): boolean =>
  mark.createdAtMs < job.createdAtMs ||
  (mark.createdAtMs === job.createdAtMs && mark.position < job.position);
