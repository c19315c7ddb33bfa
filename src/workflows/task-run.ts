import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  TimeoutFailure,
  isCancellation,
} from '@temporalio/workflow';
import type { JobInput } from '../domain/job.ts';
import { trackProgress } from './job-progress.ts';
import { taskProxy } from './proxies.ts';
import { writeEnd } from './write-end.ts';

/** What whoever sends a hold is told by the timeline. */
const NOT_HELD =
  'this job needs no server, and a worker does it as soon as it can; cancel it instead';

/** A job that needs no server: a cpu worker does it, then its end is written. It waits for nothing that a hold could stop. */
export async function runTask(input: JobInput): Promise<void> {
  const progress = trackProgress(input, NOT_HELD);
  try {
    const leftMs = Date.parse(input.expireAt) - Date.now();
    if (leftMs <= 0) throw expired(input, 'No worker took it.');
    progress.enter('claim', input.jobType);
    const { jobId, tenant, traceId, maxAttempts, timeoutMs } = input;
    await taskProxy(input, leftMs).runTask({
      ...{ jobId, tenant, traceId, maxAttempts },
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    progress.enter('finish', 'done');
    // It is done: a cancel that comes now is too late.
    await CancellationScope.nonCancellable(() =>
      writeEnd(input, 1, { state: 'succeeded', releaseLease: false }),
    );
  } catch (error) {
    const failure = isCancellation(error) ? undefined : failureOf(input, error);
    await CancellationScope.nonCancellable(() =>
      writeEnd(input, 1, {
        state: failure ? (failure.type === 'expired' ? 'expired' : 'failed') : 'canceled',
        ...(failure
          ? { failure: { code: failure.type ?? 'internal', message: failure.message } }
          : {}),
        releaseLease: false,
      }),
    );
    throw failure ?? error;
  }
}

function failureOf(input: JobInput, error: unknown): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error;
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  const isOutOfTime =
    cause instanceof TimeoutFailure ||
    (error instanceof ActivityFailure && error.retryState === 'TIMEOUT');
  if (isOutOfTime) return expired(input, `The last try: ${cause?.message ?? 'unknown'}`);
  const type = cause instanceof ApplicationFailure ? cause.type : undefined;
  const message = (cause ?? error) instanceof Error ? ((cause ?? error) as Error).message : '';
  return ApplicationFailure.nonRetryable(message, type ?? 'internal');
}

const expired = (input: JobInput, why: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(`It was not done before ${input.expireAt}. ${why}`, 'expired');
