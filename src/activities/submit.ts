import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import { CancelledFailure } from '@temporalio/common';
import type { Graph } from '../domain/graphs/graph.ts';
import type { BlobRef, GraphRef, InputFile, Lease, SubmitReceipt } from '../domain/job.ts';
import { OrchestratorError } from '../errors.ts';
import type { AttemptBlobs, Executor } from '../ports.ts';
import type { SubmitInput } from './activity-types.ts';
import type { PromptLocks } from './prompt-locks.ts';
import { startPulse } from './pulse.ts';
import { storableText } from './storable-text.ts';
import { areWritten, predictedOutputs } from './store-outputs.ts';

export interface SubmitDeps {
  readonly executor: Executor;
  readonly storage: Pick<AttemptBlobs, 'open'>;
  readonly locks: PromptLocks;
  /** A larger file is no output. */
  readonly maxOutputBytes: number;
}

/** Longest answer of a server kept in the history. */
const RESPONSE_LIMIT = 4_000;

/** Throws `lease_lost` when the lease belongs to another Temporal run: a reset makes a new run, which claims anew. */
export function assertOwnLease(lease: Lease): void {
  const runId = activityInfo().workflowExecution?.runId;
  if (lease.runId !== runId)
    throw new OrchestratorError(
      'lease_lost',
      `The lease of attempt ${lease.attempt} belongs to run ${lease.runId}, not to ${runId ?? 'none'}.`,
    );
}

/** A POST that was given up may still land; so long is looked for it before a withdraw may follow. */
const LANDING_MS = 5_000;
const LANDING_LOOK_MS = 250;

/**
 * Puts the prompt on the server. Idempotent: the prompt id is looked up first and posted only when the server does not
 * know it, under a lock shared with withdraw; a retry after a lost answer finds what the first try posted, and after a
 * restart of the server the files of it. Told to stop while it waits for the answer, it gives up at once and looks
 * whether the prompt lands.
 */
export const createSubmit =
  ({ executor, storage, locks, maxOutputBytes }: SubmitDeps) =>
  async ({ lease, prepared, traceId }: SubmitInput): Promise<SubmitReceipt> => {
    assertOwnLease(lease);
    const { promptId } = lease;
    const signal = cancellationSignal();
    const pulse = startPulse(() => heartbeat());
    const post = async (graph: Graph): Promise<SubmitReceipt> => {
      signal.throwIfAborted();
      const [bootId, seen] = await Promise.all([
        executor.bootId(signal),
        executor.find(promptId, signal),
      ]);
      // What an earlier try posted may have been drawn before a restart took it out of the server's books.
      const isDrawn =
        seen.state === 'absent' &&
        activityInfo().attempt > 1 &&
        (await areWritten({ executor, maxOutputBytes }, predictedOutputs(prepared), signal));
      const found = isDrawn ? ({ state: 'written' } as const) : seen;
      // A worker that stood still since it looked may have been overtaken by another try, or by a withdraw.
      pulse.assertSteady();
      const isNew = found.state === 'absent';
      if (isNew) await uploadInputs(executor, storage, lease, prepared.inputs ?? [], signal);
      const response = isNew
        ? await executor
            .submit({ promptId, graph, traceId }, signal)
            .catch((error: unknown) => givenUp(executor, promptId, signal, error))
        : JSON.stringify({ prompt_id: promptId, found: found.state });
      return {
        promptId,
        response: storableText(response, RESPONSE_LIMIT),
        reattached: !isNew,
        bootId,
        submittedAt: new Date().toISOString(),
        ...(isNew && found.others !== undefined ? { queuedBehind: found.others } : {}),
      };
    };
    try {
      const graph = await readGraph(storage, lease, prepared.graph);
      // One look and post at a time: two that look first would both find nobody before them.
      let isOwnTurn = false;
      const work = locks.run(lease.serverId, () => {
        isOwnTurn = true;
        return locks.run(promptId, () => post(graph));
      });
      // A cancel does not wait for the turn of others; when its turn comes, nothing is posted.
      const stopped = new Promise<never>((_resolve, reject) => {
        const stop = (): void => {
          if (!isOwnTurn) reject(new CancelledFailure('submit was told to stop'));
        };
        signal.addEventListener('abort', stop, { once: true });
      });
      return await Promise.race([work, stopped]);
    } catch (error) {
      if (signal.aborted) throw new CancelledFailure('submit was told to stop');
      throw error;
    } finally {
      pulse.stop();
    }
  };

async function givenUp(
  executor: Executor,
  promptId: string,
  signal: AbortSignal,
  error: unknown,
): Promise<never> {
  if (!signal.aborted) throw error;
  const deadline = performance.now() + LANDING_MS;
  for (;;) {
    const seen = await executor
      .find(promptId, AbortSignal.timeout(LANDING_MS))
      .catch(() => undefined);
    if ((seen && seen.state !== 'absent') || performance.now() > deadline) throw error;
    await delay(LANDING_LOOK_MS);
  }
}

async function readGraph(
  storage: SubmitDeps['storage'],
  lease: Lease,
  graph: GraphRef,
): Promise<Graph> {
  if ('text' in graph) return JSON.parse(graph.text) as Graph;
  const bytes = await readStored(storage, lease, graph.blob, 'graph');
  return JSON.parse(bytes.toString('utf8')) as Graph;
}

/** Before every post anew: a server that was restarted may have lost them, and the same bytes replace themselves. */
async function uploadInputs(
  executor: Executor,
  storage: SubmitDeps['storage'],
  lease: Lease,
  inputs: readonly InputFile[],
  signal: AbortSignal,
): Promise<void> {
  for (const { name, blob } of inputs) {
    signal.throwIfAborted();
    const bytes = await readStored(storage, lease, blob, 'input file');
    await executor.uploadInput({ name, bytes }, signal);
  }
}

async function readStored(
  storage: SubmitDeps['storage'],
  lease: Lease,
  blob: BlobRef,
  what: string,
): Promise<Buffer<ArrayBuffer>> {
  const { ref } = blob;
  const stream = await storage.open(lease, ref);
  if (!stream)
    throw new OrchestratorError('internal', `The ${what} ${ref} is not in the blob store.`);
  const whole = await readWhole(stream, blob);
  if (whole !== undefined) return whole;
  throw new OrchestratorError(
    'unavailable',
    `The ${what} ${ref} did not come from the blob store as it was stored. This is tried again.`,
    { retryable: true },
  );
}

/** Undefined unless these are exactly the bytes that were stored. */
async function readWhole(
  stream: Readable,
  { bytes, sha256 }: BlobRef,
): Promise<Buffer<ArrayBuffer> | undefined> {
  const chunks: Buffer[] = [];
  let read = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    read += chunk.length;
    if (read > bytes) return undefined;
    chunks.push(chunk);
  }
  const whole = Buffer.concat(chunks);
  const isSame = createHash('sha256').update(whole).digest('hex') === sha256;
  return isSame ? whole : undefined;
}
