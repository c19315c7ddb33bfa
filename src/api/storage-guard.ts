import { OrchestratorError } from '../errors.ts';
import type { BlobStore } from '../ports.ts';

const KEPT_MS = 2_000;

/** Refuses new jobs while the disk of the blob store is nearly full; looks at most every 2 seconds. */
export function createStorageGuard(
  storage: Pick<BlobStore, 'freeBytes'>,
  minFreeBytes: number,
  now: () => Date,
): () => Promise<void> {
  let seen: { readonly at: number; readonly free: number | undefined } | undefined;
  return async () => {
    const at = now().getTime();
    if (!seen || at - seen.at >= KEPT_MS) seen = { at, free: await storage.freeBytes() };
    if (seen.free === undefined || seen.free >= minFreeBytes) return;
    throw new OrchestratorError(
      'storage_full',
      `The blob store has ${seen.free} bytes free and keeps at least ${minFreeBytes}; nothing was accepted. ` +
        'Try again later; the operator frees space, shortens BLOB_RETENTION_DAYS or lowers MIN_FREE_BYTES.',
      { retryable: true, retryAfterSeconds: 60 },
    );
  };
}
