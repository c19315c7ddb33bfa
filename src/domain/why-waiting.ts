/** Why a queued job has no server yet, in a sentence, and when it may get one. Pure. */
import { placeInQueue, type QueueGroup, type QueuePlace } from './queue-place.ts';
import type { TenantPolicy } from './tenant-policy.ts';

export interface QueuedJob {
  readonly pool: string;
  readonly tenant: string;
  /** 1 (first) to 5, with the levels that waiting has earned. */
  readonly level: number;
  readonly position: number;
  readonly createdAt: Date;
  /** When Temporal acknowledged the start. */
  readonly startedAt: Date | null;
  readonly held: boolean;
  readonly isCanceling: boolean;
}

/** A pool's servers taken together. */
export interface PoolState {
  readonly pool: string;
  readonly servers: number;
  /** Those that answer. */
  readonly live: number;
  /** Room of those that answer and do not drain, and how much of it is taken. */
  readonly room: number;
  readonly used: number;
  /** When the last of them was heard of, if none answers. */
  readonly downSince: Date | null;
  readonly error: string | null;
}

export interface QueueFacts {
  readonly now: Date;
  /** Of the job's pool; undefined when no server ever reported for it. */
  readonly pool: PoolState | undefined;
  readonly groups: readonly QueueGroup[];
  readonly policyOf: (tenant: string) => TenantPolicy;
  /** Jobs the tenant has on servers. */
  readonly running: number;
  /** Jobs per second that the pool, and the tenant in it, got through lately; undefined when not known. */
  readonly poolRate: number | undefined;
  readonly tenantRate: number | undefined;
  /** Says which of the job's files no server that answers has; undefined when all are there. */
  readonly missing: string | undefined;
}

export interface Waiting {
  /** False while nothing could run the job. */
  readonly isPossible: boolean;
  readonly text: string;
  readonly place: QueuePlace;
  readonly jobsPerHour: number | undefined;
  /** Undefined when nobody can say. */
  readonly startsInMs: number | undefined;
}

/** A start takes this long at most when nothing is wrong. */
const START_TAKES_MS = 3_000;

export function whyWaiting(job: QueuedJob, facts: QueueFacts): Waiting {
  const { now, pool, poolRate, tenantRate, running, policyOf } = facts;
  const place = placeInQueue(
    { ...job, createdAtMs: job.createdAt.getTime() },
    facts.groups,
    (tenant) => policyOf(tenant).weight,
  );
  const jobsPerHour = poolRate === undefined ? undefined : poolRate * 3_600;
  const waits = (text: string, startsInMs?: number, isPossible = true): Waiting => ({
    ...{ isPossible, text, place, jobsPerHour, startsInMs },
  });
  if (job.isCanceling) return waits('it is being cancelled');
  if (job.held) return waits('it is held: it takes no server until it gets the signal "resume"');
  if (!pool || pool.live === 0) return waits(poolDown(job.pool, pool), undefined, false);
  if (pool.room === 0)
    return waits(
      `pool '${job.pool}' takes nothing new: all of its servers drain`,
      undefined,
      false,
    );
  if (facts.missing !== undefined) return waits(facts.missing, undefined, false);
  const waitedMs = now.getTime() - job.createdAt.getTime();
  if (job.startedAt === null && waitedMs > START_TAKES_MS)
    return waits(
      `it waits for its start in Temporal, for ${Math.round(waitedMs / 1_000)} s so far`,
    );
  const { maxRunning } = policyOf(job.tenant);
  if (maxRunning !== undefined && running >= maxRunning)
    return waits(
      `tenant '${job.tenant}' has ${jobs(running)} on servers, as many as it may; ${jobs(place.precedingOwn)} of its own wait before this one`,
      msFor(place.precedingOwn + 1, tenantRate),
    );
  const left = Math.max(0, pool.room - pool.used);
  if (place.precedingJobs < left)
    return waits(`pool '${job.pool}' has room: it is about to get a server`, 0);
  const startsInMs = msFor(place.precedingJobs + 1 - left, poolRate);
  const about = startsInMs === undefined ? '' : `, about ${Math.ceil(startsInMs / 1_000)} s`;
  return waits(
    `pool '${job.pool}' is busy: ${pool.used} of ${pool.room} places taken, ${jobs(place.precedingJobs)} ahead${about}`,
    startsInMs,
  );
}

/** A job that needs no server waits for nothing but a cpu worker. */
export function whyTaskWaits(
  {
    startedAt,
    createdAt,
    cancelRequestedAt,
  }: {
    readonly startedAt: Date | null;
    readonly createdAt: Date;
    readonly cancelRequestedAt: Date | null;
  },
  now: Date,
): Waiting {
  const seconds = Math.round((now.getTime() - createdAt.getTime()) / 1_000);
  const text =
    cancelRequestedAt !== null
      ? 'it is being cancelled'
      : startedAt === null && seconds * 1_000 > START_TAKES_MS
        ? `it waits for its start in Temporal, for ${seconds} s so far`
        : 'it needs no server: the next free cpu worker takes it';
  const place = { precedingJobs: 0, precedingCost: 0, precedingOwn: 0 };
  return { isPossible: true, text, place, jobsPerHour: undefined, startsInMs: undefined };
}

const jobs = (count: number): string => (count === 1 ? '1 job' : `${count} jobs`);

const msFor = (count: number, ratePerSecond: number | undefined): number | undefined =>
  ratePerSecond === undefined ? undefined : (count / ratePerSecond) * 1_000;

function poolDown(name: string, pool: PoolState | undefined): string {
  if (!pool) return `pool '${name}' has no ComfyUI server yet; it starts when one answers`;
  const since = pool.downSince ? ` since ${pool.downSince.toISOString()}` : '';
  const many =
    pool.servers === 1
      ? 'its server does not answer'
      : `none of its ${pool.servers} servers answers`;
  const error = pool.error === null ? '' : ` (${pool.error})`;
  return `pool '${name}' is down${since}: ${many}${error}; it starts when one does`;
}
