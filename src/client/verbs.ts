import type { CallbackRequest } from '../domain/callback.ts';
import type { StageEventName, EventType } from '../domain/job.ts';
import type { JobClass } from '../domain/job-class.ts';
import type { JobWork } from '../domain/task.ts';
import type { Idempotency, StoredAnswer } from '../db/idempotency-keys.ts';
import type { GraphText } from '../db/graph-text.ts';
import type { JobRow } from '../db/job-row.ts';
import type { TaintRequest } from '../db/taints.ts';

/** Who asks. Every verb sees only this tenant's jobs. */
export interface Caller {
  readonly tenant: string;
  /** W3C traceparent of the request. */
  readonly traceId: string;
}

/** One job as the contract translated it, validated and with its seed resolved. */
export interface JobSubmission {
  readonly type: string;
  readonly jobClass: JobClass;
  readonly ecosystem: string;
  /** Pool of servers it waits for. (Default: COMFY_POOL) */
  readonly pool?: string;
  /** 1 (first) to 5. */
  readonly priority: number;
  readonly cost: number;
  /** As accepted, for `detailed=true`. */
  readonly request: Record<string, unknown>;
  /** The client's own graph, where the job has one. */
  readonly graph?: GraphText;
  readonly generation: JobWork;
  readonly properties: Record<string, unknown>;
  readonly callback?: CallbackRequest;
  readonly expireAt?: Date;
  readonly maxAttempts?: number;
  /** How long one drawing may take. (Default: the limit of its class) */
  readonly timeoutMs?: number;
  /** Jobs that must have succeeded before it starts. (Default: none) */
  readonly needs?: SubmissionNeeds;
}

export interface SubmissionNeeds {
  /** Places of other submissions of the same request. */
  readonly positions: readonly number[];
  /** Jobs of earlier requests. */
  readonly jobIds: readonly string[];
}

export interface Batch {
  readonly batchId: string;
  /** Empty when `answer` tells them. */
  readonly jobs: readonly JobRow[];
  /** Another request with the same idempotency key made it. */
  readonly isReplay: boolean;
  /** What that request was answered; absent while it is still being answered. */
  readonly answer?: StoredAnswer;
}

/** What a token names. */
export type JobSelector = { readonly ids: readonly string[] } | { readonly batchId: string };

/** One event of a job, read from Temporal's history or its snapshot. */
export interface JobEvent {
  /** `<runId>:<eventId>`. */
  readonly id: string;
  readonly type: EventType;
  readonly stage?: StageEventName;
  readonly at: string;
  readonly attempt: number;
  /** Try of the activity, 1 for the first. */
  readonly tries: number;
  readonly worker?: string;
  readonly serverId?: string;
  readonly context: Readonly<Record<string, unknown>>;
}

/** The verbs that all entry points share; the only code that starts, signals or cancels Temporal runs. */
export interface Orchestrator {
  /**
   * What an earlier request with this idempotency key led to, before anything else is checked again. Throws
   * `conflict` when that had another body.
   */
  findSubmitted(caller: Caller, idempotency: Idempotency): Promise<Batch | undefined>;
  /**
   * Commits the rows (that is the acceptance) and starts what can be started at once. `answerOf` makes the answer that
   * the key keeps in the same transaction. Throws `unavailable`, `conflict`, `too_many_requests`, `quota_exceeded`.
   */
  submit(
    caller: Caller,
    jobs: readonly JobSubmission[],
    idempotency?: Idempotency,
    answerOf?: (jobs: readonly JobRow[]) => StoredAnswer,
  ): Promise<Batch>;
  /** The jobs as they would be accepted; nothing is stored. */
  whatIf(caller: Caller, jobs: readonly JobSubmission[]): readonly JobRow[];
  /** Keeps the answer for the key unless it has one already; returns the one that counts. */
  keepAnswer(caller: Caller, key: string, answer: StoredAnswer): Promise<StoredAnswer>;
  /** Throws `not_found` for unknown ids and those of other tenants. */
  getJob(caller: Caller, jobId: string): Promise<JobRow>;
  /** In submission order; throws `not_found` when nothing of the selection is the caller's. */
  getJobs(caller: Caller, selector: JobSelector): Promise<readonly JobRow[]>;
  /**
   * Cancels what is still active; a finished job stays as it is, and without `force` also one that a server has.
   * Returns the selected jobs.
   */
  cancel(caller: Caller, selector: JobSelector, force?: boolean): Promise<readonly JobRow[]>;
  /** Marks jobs as not to be used again; returns how many of them are the caller's. */
  taint(caller: Caller, jobIds: readonly string[], taint: TaintRequest): Promise<number>;
  /** Resolves when all of these jobs ended, at the latest after `timeoutMs`, with their rows then. */
  waitForJobs(
    caller: Caller,
    jobs: readonly JobRow[],
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<readonly JobRow[]>;
  /** Throws `not_found`. */
  listEvents(caller: Caller, jobId: string): Promise<readonly JobEvent[]>;
}
