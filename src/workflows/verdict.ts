import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import type { JobFailure, JobInput, StoredOutput } from '../domain/job.ts';
import { timeLimitOf } from '../domain/time-limits.ts';

/** What a failed stage means for the job. */
export type Verdict =
  /** The lease is gone and nothing was posted: claim again, the attempt does not count. */
  | { readonly kind: 'reclaim' }
  /** It is proven that the server does not have the prompt or its output any more. */
  | { readonly kind: 'retry'; readonly failure: JobFailure; readonly waited: boolean }
  /** Nobody has answered for the server for too long; its prompt may still be there. */
  | { readonly kind: 'abandon'; readonly failure: JobFailure; readonly waited: boolean }
  /** `outputs`: what was written and stored before the failure. */
  | {
      readonly kind: 'final';
      readonly failure: JobFailure;
      readonly outputs?: readonly StoredOutput[];
    };

/** What an activity tells besides the code of its failure (`FailureDetails` in errors.ts). */
interface Details {
  /** The prompt was lost before the server had begun with it. */
  readonly waiting?: boolean;
  readonly outputs?: readonly StoredOutput[];
}

const PROVEN_GONE = new Set(['prompt_lost', 'output_missing', 'output_invalid', 'interrupted']);

/** Classifies what an activity threw. Throws the error itself when it is none of an activity. */
export function judge(error: unknown, input: JobInput): Verdict {
  if (!(error instanceof ActivityFailure)) throw error;
  const { cause } = error;
  if (cause instanceof ApplicationFailure) {
    const failure = { code: cause.type ?? 'internal', message: cause.message };
    const { waiting: waited = false, outputs = [] } = (cause.details?.[0] ?? {}) as Details;
    if (failure.code === 'lease_lost') return { kind: 'reclaim' };
    if (failure.code === 'server_lost') return { kind: 'abandon', failure, waited };
    if (PROVEN_GONE.has(failure.code)) return { kind: 'retry', failure, waited };
    // Out of tries within the time that makes a server lost.
    if (failure.code === 'server_unreachable' || failure.code === 'server_error')
      return { kind: 'abandon', failure, waited };
    return { kind: 'final', failure, ...(outputs.length > 0 ? { outputs } : {}) };
  }
  if (cause instanceof TimeoutFailure) {
    const onHost = error.activityType === 'submit' || error.activityType === 'collect';
    const drawing = error.activityType === 'collect' && cause.timeoutType !== 'SCHEDULE_TO_START';
    const message = `${error.activityType} timed out (${cause.timeoutType ?? 'unknown'})`;
    const last = cause.cause?.message ? ` The last try: ${cause.cause.message}` : '';
    if (onHost && !drawing)
      return {
        kind: 'abandon',
        failure: { code: 'server_lost', message: `${message}: no worker or no answer.` },
        waited: isBeatOfWaiting(cause.lastHeartbeatDetails),
      };
    return {
      kind: 'final',
      failure: {
        code: 'timed_out',
        message: `${message}: ${limitOf(error.activityType, input)}${last}`,
      },
    };
  }
  return { kind: 'final', failure: { code: 'internal', message: error.message } };
}

function limitOf(activity: string, { jobClass, timeLimits }: JobInput): string {
  const what = activity === 'prepare' ? 'prepare' : jobClass;
  const { one, all } = timeLimitOf(timeLimits, what);
  return `one try may take ${one / 1_000} s and all of them ${all / 1_000} s. Submit it again, ask for less, or have ${what} raised in TIME_LIMITS.`;
}

/** The last heartbeat of a collect said that the server had not begun with the prompt. */
const isBeatOfWaiting = (details: unknown): boolean =>
  typeof details === 'object' &&
  details !== null &&
  (details as { readonly hasStarted?: unknown }).hasStarted === false;
