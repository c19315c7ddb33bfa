import { extname } from 'node:path';
import type { Readable } from 'node:stream';
import type { JobOutput } from '../db/job-row.ts';
import type { FoundBlob, StoredTaskResult, TaskStore } from '../db/task-store.ts';
import type { Task } from '../domain/task.ts';
import { isOrchestratorError, messageOf, OrchestratorError } from '../errors.ts';
import type { Outgoing } from '../net/outgoing.ts';
import type { BlobStore, Logger } from '../ports.ts';
import { blobIdsOf, namedBlobId, uploadStorageKey } from '../storage/upload-keys.ts';
import { findEnded, type TaskJob } from './task-job.ts';

export interface CopyAssetDeps {
  readonly tasks: TaskStore;
  readonly storage: Pick<BlobStore, 'open' | 'put' | 'delete'>;
  readonly outgoing: Pick<Outgoing, 'put'>;
  readonly blobRetentionDays: number;
  readonly logger: Logger;
}

type CopyTask = Extract<Task, { operation: 'copyAsset' }>;

/** A try that may fail at an address that the client named. */
export interface CopyTry {
  readonly signal: AbortSignal;
  readonly maxAttempts: number;
  readonly timeoutMs: number | undefined;
  /** Counts a failure of the receiver, over all tries. */
  noteFailure(): number;
}

/** The receiver must have taken all of it by then. */
const TOTAL_MS = 30 * 60_000;
const IDLE_MS = 30_000;

/** Copies an output of a job: a second try sends or stores the same bytes under the same name again. */
export function createCopyAsset(deps: CopyAssetDeps) {
  const { tasks, storage, outgoing } = deps;

  const openBytes = async (blob: FoundBlob): Promise<Readable> => {
    const stream = await storage.open(blob.storageKey);
    if (stream) return stream;
    throw new OrchestratorError('output_missing', `The bytes of ${blob.id} are gone.`);
  };

  const send = async (blob: FoundBlob, url: string, attempt: CopyTry): Promise<void> => {
    try {
      await outgoing.put(url, {
        headers: { 'content-type': blob.contentType, 'content-length': String(blob.bytes) },
        body: await openBytes(blob),
        ...{ totalMs: Math.min(TOTAL_MS, attempt.timeoutMs ?? TOTAL_MS), idleMs: IDLE_MS },
        signal: attempt.signal,
      });
    } catch (error) {
      const isPassing = isOrchestratorError(error) && error.retryable;
      if (!isPassing || attempt.noteFailure() < attempt.maxAttempts) throw error;
      throw new OrchestratorError(
        'attempts_exhausted',
        `All ${attempt.maxAttempts} attempts failed; the last with ${error.code}: ${messageOf(error)}`,
      );
    }
  };

  return async (job: TaskJob, task: CopyTask, attempt: CopyTry): Promise<StoredTaskResult> => {
    const { jobId, tenant } = job;
    const { destination, ofJob } = task;
    const { outputs } = await findEnded(tasks, tenant, ofJob);
    const asset = chosen(outputs, task);
    const blob = await tasks.findOwn(tenant, [asset.blobKey]);
    if (!blob)
      throw new OrchestratorError('not_found', `${asset.blobKey} of job ${ofJob} is gone.`);
    if ('url' in destination) {
      await send(blob, destination.url, attempt);
      return tasks.once(jobId, async () => ({ blobs: [{ key: blob.id, id: blob.id }] }));
    }
    const { key } = destination;
    const id = namedBlobId(tenant, key);
    // Of this job alone, so that whatever stands under the name is whole until the row points here.
    const storageKey = uploadStorageKey(jobId);
    const { bytes, sha256 } = await storage.put(storageKey, await openBytes(blob));
    return tasks.once(jobId, async (tx) => {
      const existing = await tasks.findOwn(tenant, blobIdsOf(tenant, key), tx);
      if (existing && existing.id !== id)
        throw new OrchestratorError(
          'conflict',
          `${JSON.stringify(key)} is the key of a file that a job made. Choose another one.`,
        );
      const { contentType } = blob;
      const file = { id, tenant, jobId, storageKey, contentType, bytes, sha256, replace: true };
      const replaced = await tasks.keepFile(tx, {
        ...file,
        retentionDays: deps.blobRetentionDays,
      });
      return { blobs: [{ key, id }], doomed: replaced ?? [] };
    });
  };
}

/** By its key, with or without its ending, or its number; without a name there must be only one. */
function chosen(outputs: readonly JobOutput[], { asset, ofJob }: CopyTask): JobOutput {
  const keys = outputs.map(({ blobKey }) => blobKey);
  if (asset === undefined) {
    const [only, ...others] = outputs;
    if (only && others.length === 0) return only;
    throw new OrchestratorError(
      only ? 'invalid_request' : 'not_found',
      only
        ? `Job ${ofJob} has ${outputs.length} outputs. Name one as "assetName": ${keys.join(', ')}.`
        : `Job ${ofJob} has no output.`,
    );
  }
  const found = outputs.find(
    ({ blobKey }, index) =>
      blobKey === asset ||
      blobKey.slice(0, -extname(blobKey).length) === asset ||
      String(index) === asset,
  );
  if (found) return found;
  throw new OrchestratorError(
    'not_found',
    `Job ${ofJob} has no output ${JSON.stringify(asset)}; it has ${keys.join(', ') || 'none'}.`,
  );
}
