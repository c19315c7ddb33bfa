import {
  activityInfo,
  cancellationDetails,
  cancellationSignal,
  heartbeat,
} from '@temporalio/activity';
import { CancelledFailure } from '@temporalio/common';
import type { CollectResult, Lease, StoredOutput } from '../domain/job.ts';
import { OrchestratorError, isOrchestratorError, messageOf } from '../errors.ts';
import type { AttemptBlobs, Executor, Logger, Preview, Progress, PromptState } from '../ports.ts';
import type { CollectInput } from './activity-types.ts';
import { createDrawLimit } from './draw-limit.ts';
import { executionFailure } from './execution-failure.ts';
import { startPulse } from './pulse.ts';
import { createSilence, type Beat } from './silence.ts';
import {
  isBadOutput,
  outputFiles,
  predictedOutputs,
  storeOutputs,
  storePartialOutputs,
} from './store-outputs.ts';
import { storeText } from './store-text.ts';
import { assertOwnLease } from './submit.ts';

/** Hears of a drawing while it lasts. */
export interface DrawingListener {
  progress(lease: Lease, progress: Progress): void;
  preview(lease: Lease, preview: Preview): void;
  end(lease: Lease): void;
}

export interface CollectDeps {
  readonly executor: Executor;
  readonly storage: Pick<AttemptBlobs, 'put'>;
  /** A larger file is refused. */
  readonly maxOutputBytes: number;
  readonly logger: Logger;
  /** Asks Temporal whether a run is over (or unknown). */
  readonly isRunClosed: (workflowId: string, runId: string) => Promise<boolean>;
  readonly progress?: DrawingListener;
  /** The server is through with the prompt of the lease; called at once, before anything is stored. */
  readonly onDrawn?: (lease: Lease, state: PromptState) => void;
}

/**
 * Follows the prompt to its end and stores its files. Idempotent: a retry re-attaches to the same prompt and writes the
 * same keys again; nothing is drawn twice. A failure of the drawing carries the files that were written before it.
 */
export const createCollect =
  (deps: CollectDeps) =>
  async (input: CollectInput): Promise<CollectResult> => {
    const { lease } = input;
    assertOwnLease(lease);
    const info = activityInfo();
    const earlier = info.heartbeatDetails as Partial<Beat> | undefined;
    const silence = createSilence(earlier, info.currentAttemptScheduledTimestampMs);
    let fraction = earlier?.fraction ?? 0;
    // Behind others it begins later. One that met an empty queue is taken to have begun at once, until the server says
    // that it waits: two that were posted in the same moment both met an empty one.
    let isAssumed = earlier?.hasStarted === undefined && !input.receipt.queuedBehind;
    let hasStarted = earlier?.hasStarted ?? isAssumed;
    const limit = createDrawLimit(input.timeoutMs, earlier?.startedAtMs, silence.nowMs);
    const begun = (): void => {
      hasStarted = true;
      isAssumed = false;
      limit.start();
    };
    if (hasStarted && !isAssumed) begun();
    const signal = cancellationSignal();
    const pulse = startPulse(() => {
      const beat: Beat = {
        silentMs: silence.silentMs(),
        atMs: silence.nowMs(),
        fraction,
        hasStarted,
        ...(limit.startedAtMs === undefined ? {} : { startedAtMs: limit.startedAtMs }),
      };
      heartbeat(beat);
    });
    const watchedAtMs = performance.now();
    const follow = (): Promise<PromptState> =>
      deps.executor.watch(lease.promptId, {
        signal: AbortSignal.any([signal, limit.signal]),
        // What was known before is told again at once, so progress is no sign of life.
        onProgress: (progress) => {
          begun();
          fraction = Math.max(fraction, progress.fraction);
          deps.progress?.progress(lease, { ...progress, fraction });
        },
        onPreview: (preview) => deps.progress?.preview(lease, preview),
        onAnswer: (seen) => {
          silence.answered();
          if (seen === 'running') begun();
          if (seen === 'queued' && isAssumed) hasStarted = isAssumed = false;
        },
      });
    try {
      const state = await follow().finally(() => {
        limit.stop();
        deps.progress?.end(lease);
      });
      // An absent prompt may still turn up.
      if (state.state !== 'absent') deps.onDrawn?.(lease, state);
      const storedAtMs = performance.now();
      const outputs = await outputsOf(deps, input, state, hasStarted, signal);
      const drawn = state.state === 'succeeded' ? state : { executionMs: 0, cachedNodes: 0 };
      return {
        outputs,
        queuedMs: Math.max(0, Math.round(storedAtMs - watchedAtMs) - drawn.executionMs),
        executionMs: drawn.executionMs,
        storeMs: Math.round(performance.now() - storedAtMs),
        cachedNodes: drawn.cachedNodes,
      };
    } catch (error) {
      if (signal.aborted) throw await canceled(deps, lease);
      if (limit.signal.aborted) throw tooLong(input);
      throw lostOr(error, silence.silentMs(), hasStarted, input);
    } finally {
      pulse.stop();
    }
  };

async function outputsOf(
  deps: CollectDeps,
  input: CollectInput,
  state: PromptState,
  hasStarted: boolean,
  signal: AbortSignal,
): Promise<StoredOutput[]> {
  const { lease, expectedOutputs } = input;
  const where = `${lease.promptId} on ${lease.serverId}`;
  const isUnknown = expectedOutputs === 0;
  switch (state.state) {
    case 'succeeded': {
      if (input.text) return storeText(deps.storage, lease, input.text, state.texts);
      const files =
        input.outputExtension === undefined
          ? outputFiles(state.outputs, expectedOutputs)
          : predictedOutputs(input);
      if (files.length >= Math.max(1, expectedOutputs))
        return storeOutputs(deps, lease, files, signal, isUnknown);
      if (isUnknown)
        throw new OrchestratorError(
          'execution_failed',
          `Prompt ${where} ended without any file: none of its output nodes saved one.`,
        );
      throw new OrchestratorError(
        'output_missing',
        `Prompt ${lease.promptId} ended with ${files.length} of ${expectedOutputs} files.`,
      );
    }
    case 'failed': {
      const files = outputFiles(state.outputs, expectedOutputs);
      const outputs = await storePartialOutputs(deps, lease, files, signal, isUnknown);
      throw executionFailure(state, outputs);
    }
    case 'interrupted':
      throw new OrchestratorError('interrupted', `Somebody interrupted prompt ${where}.`);
    default:
      if (isUnknown) throw await promptLost(deps.executor, input, hasStarted, signal);
      // The books are lost with a restart, the files are not: their names are known from the prefix.
      try {
        return await storeOutputs(deps, lease, predictedOutputs(input), signal);
      } catch (error) {
        if (!isBadOutput(error)) throw error;
        throw await promptLost(deps.executor, input, hasStarted, signal);
      }
  }
}

/** Proof that the prompt is gone, with what is known of the server: which start had it, which one answers now. */
async function promptLost(
  executor: Executor,
  { lease, receipt }: CollectInput,
  hasStarted: boolean,
  signal: AbortSignal,
): Promise<OrchestratorError> {
  const bootId = await executor.bootId(signal).catch(() => 'unknown');
  return new OrchestratorError(
    'prompt_lost',
    `${lease.serverId} does not know prompt ${lease.promptId} and has no whole file of it ` +
      `(boot ${receipt.bootId} when submitted, ${bootId} now): it was restarted, or its queue was cleared` +
      `${hasStarted ? '' : ', while the prompt waited in it'}.`,
    { details: { waiting: !hasStarted } },
  );
}

/**
 * Why the activity was told to stop. Only a run that is over gives up its prompt here; a cancel withdraws by an activity
 * of its own, and a worker that shuts down leaves the prompt for the next one to re-attach.
 */
async function canceled(deps: CollectDeps, lease: Lease): Promise<unknown> {
  const { workflowExecution } = activityInfo();
  if (cancellationDetails()?.notFound && workflowExecution) {
    const { workflowId, runId } = workflowExecution;
    if (await deps.isRunClosed(workflowId, runId)) {
      deps.logger.info(
        { jobId: lease.jobId, promptId: lease.promptId },
        'run is over: withdrawing',
      );
      await deps.executor.withdraw(lease.promptId);
    }
  }
  return new CancelledFailure('collect was told to stop');
}

/** The prompt is still on the server; the workflow has it withdrawn. */
const tooLong = ({ lease, timeoutMs = 0 }: CollectInput): OrchestratorError =>
  new OrchestratorError(
    'timed_out',
    `The drawing on ${lease.serverId} took longer than the job's own timeout of ${timeoutMs / 1_000} s, so it was stopped. Submit the job again with a longer timeout.`,
  );

function lostOr(
  error: unknown,
  silentMs: number,
  hasStarted: boolean,
  input: CollectInput,
): unknown {
  const unreachable =
    isOrchestratorError(error) &&
    (error.code === 'server_unreachable' || error.code === 'server_error');
  if (!unreachable || silentMs < input.serverLostAfterMs) return error;
  return new OrchestratorError(
    'server_lost',
    `${input.lease.serverId} has not answered for ${Math.round(silentMs / 1_000)} s: ${messageOf(error)}`,
    { cause: error, details: { waiting: !hasStarted } },
  );
}
