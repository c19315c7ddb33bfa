import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ApplicationFailure,
  CancellationScope,
  ParentClosePolicy,
  isCancellation,
  startChild,
} from '@temporalio/workflow';
import type {
  CollectResult,
  JobFailure,
  JobInput,
  Lease,
  RescuedResult,
  Salvage,
} from '../domain/job.ts';
import { withdrawWorkflowId } from '../domain/naming.ts';
import { createAttempts, type Attempts } from './attempts.ts';
import { claimServer, type ClaimBefore } from './claim-server.ts';
import { listenForFound } from './found-result.ts';
import { trackProgress, type JobProgress } from './job-progress.ts';
import { collectProxy, prepareProxy, submitProxy, withdrawProxy } from './proxies.ts';
import { runTask } from './task-run.ts';
import { judge, type Verdict } from './verdict.ts';
import { withdrawWorkflow } from './withdraw-workflow.ts';
import { writeEnd } from './write-end.ts';

/**
 * One job from its acceptance to its result: claim → prepare → submit → collect → finish.
 * A task has one activity of its own instead. Completes on success, fails with the job's error code as type, ends as canceled on a cancel.
 */
export async function jobWorkflow(input: JobInput): Promise<void> {
  if (input.jobClass === 'task') return runTask(input);
  let waiting: CancellationScope | undefined;
  const progress = trackProgress(input, () => waiting?.cancel());
  const found = listenForFound();
  const attempts = createAttempts(input.maxAttempts, () => new Date().toISOString());
  const control = {
    held: progress.held,
    setWaiting: (scope: CancellationScope | undefined): void => {
      waiting = scope;
    },
  };
  let before: ClaimBefore = {};
  try {
    for (;;) {
      progress.enter('claim', `attempt ${progress.attempt} waits for a server`);
      try {
        const lease = await found.during(() =>
          claimServer(input, progress.attempt, before, control),
        );
        before = {};
        progress.lease = lease;
        const { outputs } = await found.during(() => draw(input, lease, progress));
        progress.enter('finish', 'stored');
        // The picture is there: a cancel that comes now is too late.
        return await CancellationScope.nonCancellable(() =>
          writeEnd(input, progress.attempt, {
            state: 'succeeded',
            outputs,
            lease,
            releaseLease: true,
          }),
        );
      } catch (error) {
        const rescued = found.result();
        if (rescued && !CancellationScope.current().consideredCancelled)
          return await CancellationScope.nonCancellable(() => adopt(input, progress, rescued));
        const { lease } = progress;
        if (isCancellation(error) || !lease) throw error;
        before = await retry(lease, judge(error, input), progress, attempts);
      }
    }
  } catch (error) {
    await CancellationScope.nonCancellable(() => conclude(input, progress, attempts, error));
    throw error;
  }
}

/** Makes ready for the next attempt. Throws the failure of the job when there is none. */
async function retry(
  lease: Lease,
  verdict: Verdict,
  progress: JobProgress,
  attempts: Attempts,
): Promise<ClaimBefore> {
  if (verdict.kind === 'final') {
    progress.partial = verdict.outputs ?? [];
    throw ended(progress, verdict.failure);
  }
  if (verdict.kind === 'reclaim') {
    progress.next(false);
    return {};
  }
  const { failure, waited } = verdict;
  if (attempts.failed(lease, progress.bootId, failure, waited))
    throw ended(progress, attempts.exhausted(failure));
  const suspectedOf = attempts.suspectedOf();
  const isAbandoned = verdict.kind === 'abandon';
  if (isAbandoned) await withdrawLater(lease, progress.salvage);
  progress.next(true);
  return {
    ...(isAbandoned ? { abandoned: lease } : { release: lease }),
    ...(suspectedOf.length > 0 ? { suspectedOf } : {}),
  };
}

async function draw(input: JobInput, lease: Lease, progress: JobProgress): Promise<CollectResult> {
  progress.enter('prepare', lease.reason);
  const prepared = await prepareProxy(input).prepare(lease);
  const { outputPrefix, expectedOutputs } = prepared;
  progress.enter('submit', `prompt ${lease.promptId}`);
  progress.posted = true;
  progress.salvage = { outputPrefix, expectedOutputs };
  const receipt = await submitProxy(input, lease.serverId).submit({
    lease,
    prepared,
    traceId: input.traceId,
  });
  progress.bootId = receipt.bootId;
  progress.enter('collect', 'drawing');
  return collectProxy(input, lease.serverId).collect({
    lease,
    receipt,
    outputPrefix,
    expectedOutputs,
    serverLostAfterMs: input.serverLostAfterMs,
    ...(input.timeoutMs === undefined ? {} : { timeoutMs: input.timeoutMs }),
    ...(prepared.text ? { text: prepared.text } : {}),
    ...(prepared.outputExtension === undefined
      ? {}
      : { outputExtension: prepared.outputExtension }),
  });
}

/** Ends the job with the pictures of an attempt that was given up; what it does instead is stopped. */
async function adopt(
  input: JobInput,
  progress: JobProgress,
  { attempt, outputs }: RescuedResult,
): Promise<void> {
  const { lease } = progress;
  progress.enter('finish', `the picture of attempt ${attempt} was found`);
  const releaseLease = !lease || !progress.posted || (await withdrawNow(lease));
  await writeEnd(input, progress.attempt, {
    state: 'succeeded',
    outputs,
    ...(lease ? { lease } : {}),
    releaseLease,
  });
}

/** Frees the GPU, then writes how the job ended. */
async function conclude(
  input: JobInput,
  progress: JobProgress,
  attempts: Attempts,
  error: unknown,
): Promise<void> {
  const canceled = isCancellation(error);
  const type = error instanceof ApplicationFailure ? (error.type ?? 'internal') : 'internal';
  const evidence = type === 'expired' ? attempts.evidence() : '';
  const message = `${messageOf(error)}${evidence && ` (${evidence})`}`;
  const { lease, partial } = progress;
  const releaseLease = !lease || !progress.posted || (await withdrawNow(lease));
  await writeEnd(input, progress.attempt, {
    state: canceled ? 'canceled' : type === 'expired' ? 'expired' : 'failed',
    ...(canceled ? {} : { failure: { code: type, message } }),
    ...(partial.length > 0 ? { outputs: partial } : {}),
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

/** `salvage`: the job goes on and can use what the server has finished by then. */
async function withdrawLater(lease: Lease, salvage?: Salvage): Promise<void> {
  try {
    await startChild(withdrawWorkflow, {
      workflowId: withdrawWorkflowId(lease.promptId),
      args: salvage ? [lease, salvage] : [lease],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `withdraws ${lease.promptId} from ${lease.serverId}`,
    });
  } catch (error) {
    // The run before a reset, or the closer, has it withdrawn already.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

/** Failures after which the server surely does not hold the prompt: it refused it, or it is through with it. */
const NOT_ON_SERVER = new Set(['graph_refused', 'model_missing', 'execution_failed']);

function ended(progress: JobProgress, failure: JobFailure): ApplicationFailure {
  if (NOT_ON_SERVER.has(failure.code)) progress.posted = false;
  return ApplicationFailure.nonRetryable(failure.message, failure.code);
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : 'unknown error';
