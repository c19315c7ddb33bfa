import { JOB_CLASSES, type JobClass } from './job-class.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Longest time of one try and of all tries together, in milliseconds; a try that takes longer hangs. */
export interface TimeLimit {
  readonly one: number;
  readonly all: number;
}

/** What has a limit of its own: prepare of every job, and the drawing, or the task, of a job of each class. */
export const LIMITED = ['prepare', ...JOB_CLASSES] as const;
export type Limited = 'prepare' | JobClass;
export type TimeLimits = Readonly<Partial<Record<Limited, TimeLimit>>>;

/** `all` of a task is the lifetime of its job. */
export const TIME_LIMITS_MS: Readonly<Record<Limited, TimeLimit>> = {
  prepare: { one: 5 * MINUTE_MS, all: HOUR_MS },
  image: { one: 0.5 * HOUR_MS, all: 2 * HOUR_MS },
  video: { one: 3 * HOUR_MS, all: 12 * HOUR_MS },
  training: { one: 24 * HOUR_MS, all: 72 * HOUR_MS },
  task: { one: HOUR_MS, all: HOUR_MS },
};

export const timeLimitOf = (limits: TimeLimits | undefined, what: Limited): TimeLimit =>
  limits?.[what] ?? TIME_LIMITS_MS[what];

/** Those that a job of this class needs, or undefined when all of them are the usual ones. */
export function ownTimeLimits(limits: TimeLimits, jobClass: JobClass): TimeLimits | undefined {
  const own = (['prepare', jobClass] as const).flatMap((what) => {
    const limit = limits[what];
    return limit ? [[what, limit] as const] : [];
  });
  return own.length > 0 ? Object.fromEntries(own) : undefined;
}
