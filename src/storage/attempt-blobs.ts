import type { AttemptBlobs, BlobStore } from '../ports.ts';

/** The store of this machine as attempts use it; who has the folder needs no permission. */
export const createLocalBlobs = (store: Pick<BlobStore, 'put' | 'open'>): AttemptBlobs => ({
  put: (_lease, { key }, source) => store.put(key, source),
  open: (_lease, key) => store.open(key),
});
