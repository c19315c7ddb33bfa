/** An API on a disk of its own, with leases in memory, as remote workers see it. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createApiChannel } from '../storage/api-channel.ts';
import { storageKeyFor } from '../storage/keys.ts';
import { createLocalStore } from '../storage/local.ts';
import { createRemoteBlobs } from '../storage/remote.ts';
import { createApp } from './app.ts';
import { listen } from './server.ts';
import { createTestApi } from './test-api.test-support.ts';

export const WORKER_KEY = 'a-worker-key-of-tests';
export const BOUND_KEY = 'a-key-of-gpu-2-alone';
export const MAX_BYTES = 1_000_000;

export type TransferApi = Awaited<ReturnType<typeof startTransferApi>>;

/** `BOUND_KEY` is good for gpu-2 only. */
export async function startTransferApi() {
  const api = createTestApi({ WORKER_KEY, WORKER_KEYS: { 'gpu-2': BOUND_KEY } });
  const folder = await mkdtemp(join(tmpdir(), 'transfers-'));
  const store = createLocalStore(folder);
  const disk: { fault: Error | undefined } = { fault: undefined };
  const app = createApp({
    ...api.deps,
    storage: {
      ...store,
      put: async (key, source) => {
        if (!disk.fault || !(source instanceof Readable)) return store.put(key, source);
        await once(source, 'readable');
        source.destroy();
        throw disk.fault;
      },
    },
  });
  const server = await listen({
    fetch: (request) => app.fetch(request),
    host: '127.0.0.1',
    port: 0,
    newTrace: () => 'trace',
  });
  return {
    api,
    folder,
    store,
    url: server.url,
    /** What the disk of the API throws at the first bytes of a file, while set. */
    disk,
    /** A lease of a new job on that server, held. */
    hold(serverId = 'gpu-1') {
      const promptId = randomUUID();
      const lease = { jobId: randomUUID(), runIndex: 1, attempt: 1, serverId, promptId };
      api.leases.set(promptId, lease);
      return {
        ...lease,
        key: (slot = 0, attempt = 1) => storageKeyFor(lease.jobId, 1, attempt, slot, 'png'),
        end: () => api.leases.delete(promptId),
      };
    },
    blobs: (key = WORKER_KEY, url = server.url) =>
      createRemoteBlobs(createApiChannel({ API_URL: url, WORKER_KEY: key })),
    /** Asks for a link as a worker does. */
    linkFor: (lease: { serverId: string; promptId: string }, change: object) =>
      fetch(`${server.url}/internal/servers/${lease.serverId}/transfers`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${WORKER_KEY}` },
        body: JSON.stringify({ promptId: lease.promptId, operation: 'upload', ...change }),
      }),
    async close() {
      await server.close(0);
      await rm(folder, { recursive: true });
    },
  };
}

export type TestLease = ReturnType<TransferApi['hold']>;
