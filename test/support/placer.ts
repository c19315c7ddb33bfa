import type { Sql } from '../../src/db/connect.ts';
import { createFleetReader } from '../../src/db/fleet.ts';
import { findJobNeeds } from '../../src/db/job-needs.ts';
import { createLeaseStore } from '../../src/db/leases.ts';
import { createRunStore } from '../../src/db/runs.ts';
import { silentLogger } from '../../src/telemetry.ts';
import { createPlacer, type Placer, type PlacerDeps } from '../../src/workers/placer.ts';
import type { ClaimRequest } from '../../src/workers/waiting-claims.ts';
import { newJobRow } from './jobs.ts';

/** A placer of the pool `default` that looks on its own every 20 ms and is told nothing. */
export function createTestPlacer(sql: Sql, change: Partial<PlacerDeps> = {}): Placer {
  const fleet = createFleetReader(sql);
  return createPlacer({
    pool: 'default',
    leases: createLeaseStore(sql),
    // Read anew for every pass: tests change servers between two.
    fleet: { current: fleet.readFleet, fresh: fleet.readFleet },
    // The servers of most tests list no files.
    fit: { lacks: () => [] },
    findNeeds: (jobId) => findJobNeeds(sql, jobId),
    runs: createRunStore(sql),
    wakeups: { on: () => () => undefined },
    jobRuns: { isRunClosed: () => Promise.resolve(false), cancel: () => Promise.resolve(false) },
    placementWindow: 32,
    affinityWaitMs: 30_000,
    policies: () => Promise.resolve(() => ({ weight: 1, maxRunning: undefined })),
    pollMs: 20,
    logger: silentLogger,
    ...change,
  });
}

/** The claim of a job's first attempt in its first run. */
export function claimOf(jobId: string, change: Partial<ClaimRequest> = {}): ClaimRequest {
  const { tenant, traceId } = newJobRow();
  return {
    ...{ jobId, tenant, traceId, runId: `run-${jobId}`, pool: 'default' },
    ...{ attempt: 1, priority: 3, scheduledAtMs: Date.now(), untilMs: Infinity },
    ...change,
  };
}
