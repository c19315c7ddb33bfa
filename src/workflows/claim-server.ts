import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  TimeoutFailure,
  condition,
  isCancellation,
} from '@temporalio/workflow';
import type { JobInput, Lease } from '../domain/job.ts';
import { claimProxy, recordProxy } from './proxies.ts';

export interface ClaimControl {
  held(): boolean;
  /** The scope that a hold cancels while a claim waits. */
  setWaiting(scope: CancellationScope | undefined): void;
}

/** What the attempts before leave to a claim. */
export interface ClaimBefore {
  /** Lease whose prompt is proven to be gone. */
  readonly release?: Lease;
  /** Lease whose prompt may still be on its server. */
  readonly abandoned?: Lease;
  readonly suspectedOf?: readonly string[];
}

/**
 * Waits until the placer grants a server. A held job takes none; a claim that waited long is asked again one priority
 * level up. Throws ApplicationFailure `expired` when the job's time is over.
 */
export async function claimServer(
  input: JobInput,
  attempt: number,
  before: ClaimBefore,
  control: ClaimControl,
): Promise<Lease> {
  let priority = input.priority;
  for (;;) {
    const leftMs = Date.parse(input.expireAt) - Date.now();
    if (leftMs <= 0) throw expired(input);
    if (control.held()) {
      if (before.release) await recordProxy().releaseLease(before.release);
      await recordProxy().setHeld({ jobId: input.jobId, attempt, held: true });
      if (!(await condition(() => !control.held(), leftMs))) throw expired(input);
      await recordProxy().setHeld({ jobId: input.jobId, attempt, held: false });
      continue;
    }
    // At the top level there is nothing to age to; waiting then ends with the job's lifetime.
    const waitMs = priority > 1 ? Math.min(leftMs, input.priorityAgeMs) : leftMs;
    const scope = new CancellationScope();
    control.setWaiting(scope);
    try {
      return await scope.run(() =>
        claimProxy(input, { priority, waitMs }).claim({
          jobId: input.jobId,
          tenant: input.tenant,
          pool: input.pool,
          attempt,
          traceId: input.traceId,
          priority,
          ...before,
        }),
      );
    } catch (error) {
      const jobCanceled = CancellationScope.current().consideredCancelled;
      // A hold stopped the claim; a resume may have followed in the same moment.
      if (isCancellation(error) && !jobCanceled) continue;
      if (!isOutOfTime(error)) throw noServer(error) ?? error;
      priority = Math.max(1, priority - 1);
    } finally {
      control.setWaiting(undefined);
    }
  }
}

/** Nobody answered in time, or every try failed for a passing reason (no database) until the time was up. */
const isOutOfTime = (error: unknown): boolean =>
  error instanceof ActivityFailure &&
  (error.cause instanceof TimeoutFailure || error.retryState === 'TIMEOUT');

/** The job's own failure when no server can run it any more. */
const noServer = (error: unknown): ApplicationFailure | undefined => {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.type === 'model_missing'
    ? ApplicationFailure.nonRetryable(cause.message, cause.type)
    : undefined;
};

const expired = (input: JobInput): ApplicationFailure =>
  ApplicationFailure.nonRetryable(`No server took the job before ${input.expireAt}.`, 'expired');
