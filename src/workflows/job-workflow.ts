import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ApplicationFailure,
  CancellationScope,
  ParentClosePolicy,
  isCancellation,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { CollectResult, FinishInput, JobFailure, JobInput, Lease } from '../domain/job.ts';
import { withdrawWorkflowId } from '../domain/naming.ts';
import { claimServer } from './claim-server.ts';
import { trackProgress, type JobProgress } from './job-progress.ts';
import { collectProxy, prepareProxy, recordProxy, submitProxy, withdrawProxy } from './proxies.ts';
import { judge } from './verdict.ts';
import { withdrawWorkflow } from './withdraw-workflow.ts';

/**
 * One job from its acceptance to its result: claim → prepare → submit → collect → finish.
 * Completes on success, fails with the job's error code as type, ends as canceled on a cancel.
 */
export async function jobWorkflow(input: JobInput): Promise<void> {
  let waiting: CancellationScope | undefined;
  const progress = trackProgress(input, () => waiting?.cancel());
  const control = {
    held: progress.held,
    setWaiting: (scope: CancellationScope | undefined): void => {
      waiting = scope;
    },
  };
  let release: Lease | undefined;
  try {
    for (;;) {
      progress.enter('claim', `attempt ${progress.attempt} waits for a server`);
      const lease = await claimServer(input, progress.attempt, release, control);
      release = undefined;
      progress.lease = lease;
      try {
        const { outputs } = await draw(input, lease, progress);
        progress.enter('finish', 'stored');
        // The picture is there: a cancel that comes now is too late.
        return await CancellationScope.nonCancellable(() =>
          record(input, progress, { state: 'succeeded', outputs, lease, releaseLease: true }),
        );
      } catch (error) {
        if (isCancellation(error)) throw error;
        const verdict = judge(error);
        if (verdict.kind === 'final') throw ended(progress, verdict.failure);
        if (verdict.kind === 'reclaim') {
          progress.lease = undefined;
          continue;
        }
        if (progress.attempt >= input.maxAttempts)
          throw ended(progress, exhausted(input.maxAttempts, verdict.failure));
        if (verdict.kind === 'abandon') await withdrawLater(lease);
        else release = lease;
        progress.attempt += 1;
        progress.lease = undefined;
        progress.posted = false;
      }
    }
  } catch (error) {
    await CancellationScope.nonCancellable(() => conclude(input, progress, error));
    throw error;
  }
}

async function draw(input: JobInput, lease: Lease, progress: JobProgress): Promise<CollectResult> {
  progress.enter('prepare', lease.reason);
  const prepared = await prepareProxy().prepare(lease);
  progress.enter('submit', `prompt ${lease.promptId}`);
  progress.posted = true;
  const receipt = await submitProxy(input, lease.serverId).submit({
    lease,
    prepared,
    traceId: input.traceId,
  });
  progress.enter('collect', 'drawing');
  return collectProxy(input, lease.serverId).collect({
    lease,
    receipt,
    outputPrefix: prepared.outputPrefix,
    expectedOutputs: prepared.expectedOutputs,
    serverLostAfterMs: input.serverLostAfterMs,
  });
}

/** Frees the GPU, then writes how the job ended. */
async function conclude(input: JobInput, progress: JobProgress, error: unknown): Promise<void> {
  const canceled = isCancellation(error);
  const type = error instanceof ApplicationFailure ? (error.type ?? 'internal') : 'internal';
  const { lease } = progress;
  const releaseLease = !lease || !progress.posted || (await withdrawNow(lease));
  await record(input, progress, {
    state: canceled ? 'canceled' : type === 'expired' ? 'expired' : 'failed',
    ...(canceled ? {} : { failure: { code: type, message: messageOf(error) } }),
    ...(lease ? { lease } : {}),
    releaseLease,
  });
}

/** True when the prompt is surely off the server; otherwise a workflow of its own keeps trying and frees the room. */
async function withdrawNow(lease: Lease): Promise<boolean> {
  try {
    await withdrawProxy(lease.serverId).withdraw(lease);
    return true;
  } catch {
    await withdrawLater(lease);
    return false;
  }
}

async function withdrawLater(lease: Lease): Promise<void> {
  try {
    await startChild(withdrawWorkflow, {
      workflowId: withdrawWorkflowId(lease.promptId),
      args: [lease],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `withdraws ${lease.promptId} from ${lease.serverId}`,
    });
  } catch (error) {
    // The run before a reset, or the closer, has it withdrawn already.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

const record = (
  input: JobInput,
  { attempt }: JobProgress,
  outcome: Omit<FinishInput, 'jobId' | 'tenant' | 'attempt' | 'traceId' | 'startedAt'>,
): Promise<void> =>
  recordProxy().finish({
    jobId: input.jobId,
    tenant: input.tenant,
    attempt,
    traceId: input.traceId,
    startedAt: workflowInfo().startTime.toISOString(),
    ...outcome,
  });

/** Failures after which the server surely does not hold the prompt: it refused it, or it is through with it. */
const NOT_ON_SERVER = new Set(['graph_refused', 'model_missing', 'execution_failed']);

function ended(progress: JobProgress, failure: JobFailure): ApplicationFailure {
  if (NOT_ON_SERVER.has(failure.code)) progress.posted = false;
  return ApplicationFailure.nonRetryable(failure.message, failure.code);
}

const exhausted = (limit: number, last: JobFailure): JobFailure => ({
  code: 'attempts_exhausted',
  message: `All ${limit} attempts failed; the last with ${last.code}: ${last.message}`,
});

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : 'unknown error';
