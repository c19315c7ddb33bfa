import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import type { JobFailure } from '../domain/job.ts';

/** What a failed stage means for the job. */
export type Verdict =
  /** The lease is gone and nothing was posted: claim again, the attempt does not count. */
  | { readonly kind: 'reclaim' }
  /** It is proven that the server does not have the prompt or its output any more. */
  | { readonly kind: 'retry'; readonly failure: JobFailure }
  /** Nobody has answered for the server for too long; its prompt may still be there. */
  | { readonly kind: 'abandon'; readonly failure: JobFailure }
  | { readonly kind: 'final'; readonly failure: JobFailure };

const PROVEN_GONE = new Set(['prompt_lost', 'output_missing', 'output_invalid', 'interrupted']);

/** Classifies what an activity threw. Throws the error itself when it is none of an activity. */
export function judge(error: unknown): Verdict {
  if (!(error instanceof ActivityFailure)) throw error;
  const { cause } = error;
  if (cause instanceof ApplicationFailure) {
    const failure = { code: cause.type ?? 'internal', message: cause.message };
    if (failure.code === 'lease_lost') return { kind: 'reclaim' };
    if (failure.code === 'server_lost') return { kind: 'abandon', failure };
    if (PROVEN_GONE.has(failure.code)) return { kind: 'retry', failure };
    // Out of tries within the time that makes a server lost.
    if (failure.code === 'server_unreachable' || failure.code === 'server_error')
      return { kind: 'abandon', failure };
    return { kind: 'final', failure };
  }
  if (cause instanceof TimeoutFailure) {
    const onHost = error.activityType === 'submit' || error.activityType === 'collect';
    const drawing = error.activityType === 'collect' && cause.timeoutType !== 'SCHEDULE_TO_START';
    const message = `${error.activityType} timed out (${cause.timeoutType ?? 'unknown'})`;
    if (onHost && !drawing)
      return {
        kind: 'abandon',
        failure: { code: 'server_lost', message: `${message}: no worker or no answer.` },
      };
    return { kind: 'final', failure: { code: 'timed_out', message: `${message}.` } };
  }
  return { kind: 'final', failure: { code: 'internal', message: error.message } };
}
