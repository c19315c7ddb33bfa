import type { BlobRecords } from '../db/blobs.ts';
import type { CollectorStore } from '../db/collector-store.ts';
import type { FleetOperations } from '../db/fleet-operations.ts';
import type { BlobStat, BlobStore, Logger, Metrics } from '../ports.ts';
import { createLoop, type Loop } from './loop.ts';

export interface CollectorDeps {
  readonly store: CollectorStore;
  readonly fleet: Pick<FleetOperations, 'forgetServers'>;
  readonly blobs: BlobRecords;
  readonly storage: BlobStore;
  readonly everyMs: number;
  readonly jobRetentionDays: number;
  readonly forgetServersAfterHours: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const BATCH = 500;
/** Files younger than this may belong to a job that has not finished; the longest attempt is shorter. */
const ORPHAN_AGE_MS = 4 * 24 * 3_600_000;

/** Deletes what retention no longer keeps: expired blobs, old jobs, and files that no row refers to. */
export function createCollector(deps: CollectorDeps): Loop {
  const { store, blobs: records, storage, logger, metrics } = deps;

  const expiredBlobs = async (): Promise<number> => {
    let deleted = 0;
    for (;;) {
      const blobs = await records.listExpiredBlobs(BATCH);
      // Bytes before their row: a crash in between leaves a row that is tried again.
      for (const blob of blobs) await storage.delete(blob.storageKey);
      await records.deleteBlobs(blobs.map((blob) => blob.id));
      deleted += blobs.length;
      if (blobs.length < BATCH) return deleted;
    }
  };

  const oldJobs = async (): Promise<number> => {
    let deleted = 0;
    for (;;) {
      const count = await store.deleteOldJobs(deps.jobRetentionDays, BATCH);
      deleted += count;
      if (count < BATCH) return deleted;
    }
  };

  const orphans = async (): Promise<number> => {
    let deleted = 0;
    const sweep = async (files: readonly BlobStat[]): Promise<void> => {
      const kept = await records.findReferenced(files.map((file) => file.key));
      for (const { key } of files.filter((file) => !kept.has(file.key))) {
        await storage.delete(key);
        deleted += 1;
      }
    };
    let old: BlobStat[] = [];
    for await (const file of storage.list()) {
      if (Date.now() - file.modifiedAt.getTime() < ORPHAN_AGE_MS) continue;
      old.push(file);
      if (old.length < BATCH) continue;
      await sweep(old);
      old = [];
    }
    await sweep(old);
    return deleted;
  };

  return createLoop({
    name: 'collector',
    pollMs: deps.everyMs,
    logger,
    metrics,
    async pass() {
      const blobs = await expiredBlobs();
      const jobs = await oldJobs();
      const files = await orphans();
      const graphs = await store.deleteUnusedGraphs();
      const keys = await store.deleteUnusedIdempotencyKeys();
      await store.deleteOldProgress();
      const servers = await deps.fleet.forgetServers(deps.forgetServersAfterHours);
      const work = { blobs, jobs, files, graphs, keys, servers };
      for (const [name, count] of Object.entries(work))
        metrics.count('loopWork', { loop: 'collector', work: name }, count);
      if (Object.values(work).some((count) => count > 0))
        logger.info(work, 'collected what retention no longer keeps');
    },
  });
}
