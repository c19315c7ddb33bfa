import { Worker, type NativeConnection } from '@temporalio/worker';
import { createPlacementActivities } from '../activities/claim.ts';
import { withActivityFailures } from '../activities/failures.ts';
import { createPrepare } from '../activities/prepare.ts';
import { createRecordActivities } from '../activities/record.ts';
import { logStage } from '../activities/stage-log.ts';
import { watchActivities } from '../activities/watched.ts';
import type { JobRuns } from '../client/job-runs.ts';
import type { TenantPolicies } from '../client/tenant-policies.ts';
import type { BlobRecords } from '../db/blobs.ts';
import type { PrepareReads } from '../db/prepare-reads.ts';
import type { FleetView } from '../db/fleet-view.ts';
import type { LeaseStore } from '../db/leases.ts';
import type { RunStore } from '../db/runs.ts';
import type { Wakeups } from '../db/wakeups.ts';
import { CPU_QUEUE, poolQueue } from '../domain/naming.ts';
import { createServerFit } from '../ecosystems/server-fit.ts';
import type { Outgoing } from '../net/outgoing.ts';
import type { BlobStore, Logger, Metrics, Tracer } from '../ports.ts';
import type { ClaimRoutingDeps } from './claim-routing.ts';
import { createPlacer, type Placer } from './placer.ts';
import { workflowCode } from './workflow-code.ts';

export interface CpuWorkerDeps {
  readonly connection: NativeConnection;
  readonly namespace: string;
  /** That are known at the start. */
  readonly pools: readonly string[];
  readonly runs: RunStore;
  readonly jobRuns: Pick<JobRuns, 'isRunClosed' | 'cancel'>;
  readonly leases: LeaseStore;
  readonly fleet: FleetView;
  readonly findNeeds: ClaimRoutingDeps['findNeeds'];
  readonly reads: PrepareReads;
  readonly blobs: BlobRecords;
  readonly storage: BlobStore;
  readonly outgoing: Outgoing;
  readonly maxInputBytes: number;
  readonly wakeups: Wakeups;
  readonly placementWindow: number;
  readonly affinityWaitMs: number;
  readonly policies: TenantPolicies;
  readonly pollMs: number;
  readonly blobRetentionDays: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
}

export interface CpuWorkers {
  readonly workers: readonly Worker[];
  hasPool(pool: string): boolean;
  /** A placer for one more pool; its worker is to be run. */
  addPool(pool: string): Promise<Worker>;
  close(): void;
}

/** Workflows, prepare and the records on `cpu`, and one placer per pool on `gpu-<pool>`. */
export async function createCpuWorkers(deps: CpuWorkerDeps): Promise<CpuWorkers> {
  const { connection, namespace, logger, metrics } = deps;
  const main = await Worker.create({
    connection,
    namespace,
    taskQueue: CPU_QUEUE,
    ...workflowCode(),
    activities: watchActivities(
      {
        ...withActivityFailures({ prepare: logStage(logger, 'prepare', createPrepare(deps)) }),
        ...createRecordActivities(deps),
      },
      deps,
    ),
    // Prepare and the records are short database work; more at a time would only wait for connections.
    maxConcurrentActivityTaskExecutions: 20,
    maxConcurrentLocalActivityExecutions: 20,
    shutdownGraceTime: '10s',
  });
  const fit = createServerFit();
  const placers = new Map<string, Placer>();
  const addPool = async (pool: string): Promise<Worker> => {
    const placer = createPlacer({ ...deps, pool, fit });
    try {
      const worker = await Worker.create({
        connection,
        namespace,
        taskQueue: poolQueue(pool),
        activities: watchActivities(
          { ...createPlacementActivities(placer, logger, metrics) },
          deps,
        ),
        maxConcurrentActivityTaskExecutions: deps.placementWindow,
        // Half the heartbeat timeout. Each heartbeat of a waiting claim writes its run in Temporal.
        maxHeartbeatThrottleInterval: '5s',
        // A waiting claim is given back at once; another placer takes it.
        shutdownGraceTime: '1s',
        shutdownForceTime: '5s',
      });
      placers.set(pool, placer);
      return worker;
    } catch (error) {
      placer.close();
      throw error;
    }
  };
  return {
    workers: [main, ...(await Promise.all(deps.pools.map(addPool)))],
    hasPool: (pool) => placers.has(pool),
    addPool,
    close: () => {
      for (const placer of placers.values()) placer.close();
    },
  };
}
