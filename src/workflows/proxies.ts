/** Activity proxies. Every timeout and retry policy states its reason. */
import {
  ActivityCancellationType,
  proxyActivities,
  proxyLocalActivities,
  type ActivityOptions,
} from '@temporalio/workflow';
import type {
  CallbackActivities,
  CpuActivities,
  HostActivities,
  PlacementActivities,
  RecordActivities,
  TaskActivities,
} from '../activities/activity-types.ts';
import type { CallbackInput } from '../domain/callback.ts';
import type { JobInput } from '../domain/job.ts';
import { CALLBACK_QUEUE, CPU_QUEUE, hostQueue, poolQueue, TASK_QUEUE } from '../domain/naming.ts';
import { fairnessKeyOf, queuePriority } from '../domain/tenant-policy.ts';
import { timeLimitOf, type TimeLimit } from '../domain/time-limits.ts';

const tries = ({ one, all }: TimeLimit): ActivityOptions => ({
  startToCloseTimeout: one,
  scheduleToCloseTimeout: all,
});

/** Quick first, because most troubles are a restart; capped, because a recovered server shall not wait long for us. */
const RETRY = { initialInterval: '250ms', backoffCoefficient: 2, maximumInterval: '5s' } as const;

/** A server that is back gets no new job before this has looked. */
const PATIENT_RETRY = {
  initialInterval: '1s',
  backoffCoefficient: 2,
  maximumInterval: '5s',
} as const;

export interface ClaimTiming {
  readonly priority: number;
  /** Until the job moves up a level or expires; waiting itself is no failure, so there is no schedule-to-start limit. */
  readonly waitMs: number;
}

/** Waits for a server. A dead placer is noticed after 10 s and its claims are given to another. */
export const claimProxy = (input: JobInput, timing: ClaimTiming): PlacementActivities =>
  proxyActivities<PlacementActivities>({
    taskQueue: poolQueue(input.pool),
    scheduleToCloseTimeout: timing.waitMs,
    heartbeatTimeout: '10s',
    retry: RETRY,
    // The row decides whether a late grant counts, so a cancel need not wait for the placer.
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    summary: `waits for a server of pool ${input.pool}`,
    priority: queuePriority(input, timing.priority),
  });

/**
 * Reads rows and builds a graph: milliseconds, or minutes when it fetches input files, during which it beats. 10 s
 * without a beat means a hung connection, 1 h a database that stays away.
 */
export const prepareProxy = (input: JobInput): CpuActivities =>
  proxyActivities<CpuActivities>({
    taskQueue: CPU_QUEUE,
    ...tries(timeLimitOf(input.timeLimits, 'prepare')),
    heartbeatTimeout: '10s',
    retry: RETRY,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    summary: 'parameters → ComfyUI graph',
  });

const host = (serverId: string, options: ActivityOptions): HostActivities =>
  proxyActivities<HostActivities>({ taskQueue: hostQueue(serverId), retry: RETRY, ...options });

/**
 * A look-up and a POST: seconds. Retried on the same server until that counts as lost. A cancel waits for the try that
 * runs, else it could post after the withdraw has looked; heartbeats bring the cancel to it and tell of a dead worker.
 */
export const submitProxy = (input: JobInput, serverId: string): HostActivities =>
  host(serverId, {
    startToCloseTimeout: Math.min(30_000, input.serverLostAfterMs),
    scheduleToCloseTimeout: input.serverLostAfterMs,
    heartbeatTimeout: '10s',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    summary: `POST /prompt on ${serverId}`,
  });

/**
 * As long as the drawing takes. A dead worker is noticed after 10 s; no worker at all for `serverLostAfter` means that
 * the server is lost (schedule-to-start fails without retry). A cancel does not wait: withdraw is quicker than a heartbeat.
 */
export const collectProxy = (input: JobInput, serverId: string): HostActivities =>
  host(serverId, {
    ...tries(timeLimitOf(input.timeLimits, input.jobClass)),
    scheduleToStartTimeout: input.serverLostAfterMs,
    heartbeatTimeout: '10s',
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    summary: `progress and outputs from ${serverId}`,
  });

/** Bounded, so that a cancel does not hang on a dead worker; what it could not do goes on in `withdrawWorkflow`. */
export const withdrawProxy = (serverId: string): HostActivities =>
  host(serverId, {
    startToCloseTimeout: '5s',
    scheduleToCloseTimeout: '8s',
    summary: `withdraws the prompt from ${serverId}`,
  });

/** The same without a hurry: until the server answers again, at most 7 days. */
export const patientWithdrawProxy = (serverId: string): HostActivities =>
  host(serverId, {
    startToCloseTimeout: '30s',
    scheduleToCloseTimeout: '7 days',
    retry: PATIENT_RETRY,
    summary: `withdraws the prompt from ${serverId}`,
  });

/** The same, and stores what the server had finished: as long as that takes. A dead worker is noticed after 10 s. */
export const patientRescueProxy = (serverId: string): HostActivities =>
  host(serverId, {
    startToCloseTimeout: '1 hour',
    scheduleToCloseTimeout: '7 days',
    heartbeatTimeout: '10s',
    retry: PATIENT_RETRY,
    summary: `withdraws the prompt from ${serverId}, or keeps what it drew`,
  });

/**
 * Sends what is pending, for half a minute at most; a dead worker is noticed after 10 s. A failing receiver is no failure
 * of it: it fails only without the database, and is retried for ever, because nothing may be lost.
 */
export const callbackProxy = ({ tenant }: CallbackInput): CallbackActivities =>
  proxyActivities<CallbackActivities>({
    taskQueue: CALLBACK_QUEUE,
    startToCloseTimeout: '5 minutes',
    heartbeatTimeout: '10s',
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    summary: 'sends callbacks',
    priority: { fairnessKey: fairnessKeyOf(tenant) },
  });

/**
 * Rows and files: milliseconds, or as long as a copy takes. A dead worker is noticed after 10 s; the job's lifetime ends
 * the tries. A cancel waits for the try that runs, else it could do its work after the job ended; heartbeats bring it.
 */
export const taskProxy = (input: JobInput, leftMs: number): TaskActivities =>
  proxyActivities<TaskActivities>({
    taskQueue: TASK_QUEUE,
    startToCloseTimeout: timeLimitOf(input.timeLimits, 'task').one,
    scheduleToCloseTimeout: leftMs,
    heartbeatTimeout: '10s',
    // A receiver that is overloaded is left alone for longer and longer.
    retry: { initialInterval: '500ms', backoffCoefficient: 3, maximumInterval: '1 minute' },
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    summary: input.jobType,
    priority: queuePriority(input, input.priority),
  });

/** One transaction each. 10 s means a hung connection; retried for ever, because the outcome must be written. */
export const recordProxy = (): RecordActivities =>
  proxyLocalActivities<RecordActivities>({
    startToCloseTimeout: '10s',
    retry: { initialInterval: '100ms', backoffCoefficient: 2, maximumInterval: '5s' },
  });
