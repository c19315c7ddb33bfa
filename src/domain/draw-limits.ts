import type { JobClass } from './job.ts';

const HOUR_MS = 3_600_000;

/** Longest time one drawing, or one task, may take, and all tries of it together, by class of job; a try that takes longer hangs. */
export const DRAW_LIMITS_MS: Readonly<
  Record<JobClass, { readonly one: number; readonly all: number }>
> = {
  image: { one: 0.5 * HOUR_MS, all: 2 * HOUR_MS },
  video: { one: 3 * HOUR_MS, all: 12 * HOUR_MS },
  training: { one: 24 * HOUR_MS, all: 72 * HOUR_MS },
  task: { one: HOUR_MS, all: HOUR_MS },
};
