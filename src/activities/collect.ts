import { posix } from 'node:path';
import {
  activityInfo,
  cancellationDetails,
  cancellationSignal,
  heartbeat,
} from '@temporalio/activity';
import { CancelledFailure } from '@temporalio/common';
import type { CollectResult, Lease, StoredOutput } from '../domain/job.ts';
import { OrchestratorError, isOrchestratorError, messageOf } from '../errors.ts';
import type {
  AttemptBlobs,
  Executor,
  Logger,
  OutputFile,
  Preview,
  Progress,
  PromptState,
} from '../ports.ts';
import { storageKeyFor } from '../storage/keys.ts';
import type { CollectInput } from './activity-types.ts';
import { executionFailure } from './execution-failure.ts';
import { createOutputInspector } from './output-inspector.ts';
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

/** What a retry on this or another worker needs of the tries before. */
interface Beat {
  readonly lastAnswerMs: number;
  readonly fraction: number;
}

/** Well below the heartbeat timeout of 10 s, and quick enough to notice a terminated run. */
const HEARTBEAT_EVERY_MS = 1_000;

/** Their list goes through Temporal, which takes 2 MB. */
const MOST_OUTPUTS = 2_000;

/**
 * Follows the prompt to its end and stores its files. Idempotent: a retry re-attaches to the same prompt and writes the
 * same keys again; nothing is drawn twice.
 */
export const createCollect =
  (deps: CollectDeps) =>
  async (input: CollectInput): Promise<CollectResult> => {
    const { lease } = input;
    assertOwnLease(lease);
    const earlier = activityInfo().heartbeatDetails as Beat | undefined;
    let beat: Beat = earlier ?? {
      lastAnswerMs: Date.parse(input.receipt.submittedAt),
      fraction: 0,
    };
    const signal = cancellationSignal();
    const timer = setInterval(() => heartbeat(beat), HEARTBEAT_EVERY_MS);
    const watchedAtMs = Date.now();
    try {
      const state = await deps.executor.watch(lease.promptId, {
        signal,
        // What was known before is told again at once, so progress is no sign of life.
        onProgress: (progress) => {
          beat = { ...beat, fraction: Math.max(beat.fraction, progress.fraction) };
          deps.progress?.progress(lease, { ...progress, fraction: beat.fraction });
        },
        onPreview: (preview) => deps.progress?.preview(lease, preview),
        onAnswer: () => {
          beat = { ...beat, lastAnswerMs: Date.now() };
        },
      });
      deps.progress?.end(lease);
      // An absent prompt may still turn up.
      if (state.state !== 'absent') deps.onDrawn?.(lease, state);
      const done = finishedState(state, input);
      const storedAtMs = Date.now();
      const outputs = await storeOutputs(deps, input, done.outputs, signal);
      return {
        outputs,
        queuedMs: Math.max(0, storedAtMs - watchedAtMs - done.executionMs),
        executionMs: done.executionMs,
        storeMs: Date.now() - storedAtMs,
        cachedNodes: done.cachedNodes,
      };
    } catch (error) {
      if (signal.aborted) throw await canceled(deps, lease);
      throw lostOr(error, beat, input);
    } finally {
      deps.progress?.end(lease);
      clearInterval(timer);
    }
  };

interface Finished {
  readonly outputs: readonly OutputFile[];
  readonly executionMs: number;
  readonly cachedNodes: number;
}

function finishedState(state: PromptState, input: CollectInput): Finished {
  const where = `${input.lease.promptId} on ${input.lease.serverId}`;
  switch (state.state) {
    case 'succeeded':
      return { ...state, outputs: state.outputs.filter((file) => file.type === 'output') };
    case 'failed':
      throw executionFailure(state);
    case 'interrupted':
      throw new OrchestratorError('interrupted', `Somebody interrupted prompt ${where}.`);
    default:
      // The books are lost with a restart, the files are not: their names are known from the prefix.
      return { outputs: predictedOutputs(input), executionMs: 0, cachedNodes: 0 };
  }
}

/** Names under which SaveImage writes: `<prefix>_00001_.png` and so on. */
function predictedOutputs({ outputPrefix, expectedOutputs }: CollectInput): OutputFile[] {
  return Array.from({ length: expectedOutputs }, (_, slot) => ({
    nodeId: 'predicted',
    filename: `${posix.basename(outputPrefix)}_${String(slot + 1).padStart(5, '0')}_.png`,
    subfolder: posix.dirname(outputPrefix),
    type: 'output' as const,
  }));
}

async function storeOutputs(
  deps: CollectDeps,
  { lease, expectedOutputs, receipt }: CollectInput,
  files: readonly OutputFile[],
  signal: AbortSignal,
): Promise<StoredOutput[]> {
  const predicted = files[0]?.nodeId === 'predicted';
  if (files.length < expectedOutputs)
    throw new OrchestratorError(
      'output_missing',
      `Prompt ${lease.promptId} ended with ${files.length} of ${expectedOutputs} files.`,
    );
  if (files.length > MOST_OUTPUTS)
    throw new OrchestratorError(
      'output_invalid',
      `Prompt ${lease.promptId} ended with ${files.length} files; at most ${MOST_OUTPUTS} are taken.`,
    );
  const outputs: StoredOutput[] = [];
  for (const [slot, file] of files.entries()) {
    try {
      outputs.push(await storeOutput(deps, lease, slot, file, signal));
    } catch (error) {
      const gone = isOrchestratorError(error) && /^output_/.test(error.code);
      if (!predicted || !gone) throw error;
      throw new OrchestratorError(
        'prompt_lost',
        `${lease.serverId} does not know prompt ${lease.promptId} and has no whole file of it ` +
          `(boot ${receipt.bootId} when submitted): it was restarted, or its queue was cleared.`,
      );
    }
  }
  return outputs;
}

async function storeOutput(
  { executor, storage, maxOutputBytes }: CollectDeps,
  lease: Lease,
  slot: number,
  file: OutputFile,
  signal: AbortSignal,
): Promise<StoredOutput> {
  const extension = /\.([a-z0-9]{1,8})$/.exec(file.filename.toLowerCase())?.[1] ?? 'bin';
  const key = storageKeyFor(lease.jobId, lease.runIndex, lease.attempt, slot, extension);
  const source = await executor.fetchOutput(file, signal);
  const inspector = createOutputInspector(file.filename, maxOutputBytes);
  source.on('error', (error) => inspector.stream.destroy(error));
  try {
    // What the inspector refuses at its end is not stored.
    const { bytes, sha256 } = await storage.put(
      lease,
      { key, slot },
      source.pipe(inspector.stream),
    );
    return { slot, storageKey: key, bytes, sha256, ...inspector.inspection() };
  } finally {
    source.destroy();
  }
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

function lostOr(error: unknown, beat: Beat, input: CollectInput): unknown {
  const silentMs = Date.now() - beat.lastAnswerMs;
  const unreachable =
    isOrchestratorError(error) &&
    (error.code === 'server_unreachable' || error.code === 'server_error');
  if (!unreachable || silentMs < input.serverLostAfterMs) return error;
  return new OrchestratorError(
    'server_lost',
    `${input.lease.serverId} has not answered for ${Math.round(silentMs / 1_000)} s: ${messageOf(error)}`,
    { cause: error },
  );
}
