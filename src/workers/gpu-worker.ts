import { Worker, type NativeConnection } from '@temporalio/worker';
import type { CollectInput } from '../activities/activity-types.ts';
import { createCollect, type DrawingListener } from '../activities/collect.ts';
import { withActivityFailures } from '../activities/failures.ts';
import { createPromptLocks } from '../activities/prompt-locks.ts';
import { logStage } from '../activities/stage-log.ts';
import { createRescue } from '../activities/rescue.ts';
import { createSubmit } from '../activities/submit.ts';
import { watchActivities } from '../activities/watched.ts';
import { createWithdraw } from '../activities/withdraw.ts';
import type { JobRuns } from '../client/job-runs.ts';
import type { CollectResult, Lease } from '../domain/job.ts';
import { hostQueue } from '../domain/naming.ts';
import type { AttemptBlobs, Executor, Logger, Metrics, PromptState, Tracer } from '../ports.ts';
import { createDrawingClock } from './drawing-clock.ts';

export interface GpuWorkerDeps {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly executor: Executor;
  readonly pool: string;
  readonly storage: AttemptBlobs;
  readonly maxOutputBytes: number;
  readonly runs: Pick<JobRuns, 'isRunClosed'>;
  /** The most jobs it is ever given at a time. */
  readonly mostRoom: number;
  readonly progress: DrawingListener;
  readonly onDrawn: (lease: Lease, state: PromptState) => void;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
}

/** Submit, collect and withdraw at one server. Needs Temporal, the server and a blob store; no database. */
export async function createGpuWorker(deps: GpuWorkerDeps): Promise<Worker> {
  const { executor, storage, logger, metrics } = deps;
  const locks = createPromptLocks();
  const clock = createDrawingClock(metrics, deps.pool);
  const collect = createCollect({
    executor,
    storage,
    maxOutputBytes: deps.maxOutputBytes,
    logger,
    isRunClosed: deps.runs.isRunClosed,
    progress: {
      ...deps.progress,
      progress: (lease, progress) => {
        clock.onProgress(lease);
        deps.progress.progress(lease, progress);
      },
    },
    onDrawn: (lease, state) => {
      clock.onDrawn(lease, state);
      deps.onDrawn(lease, state);
    },
  });
  return Worker.create({
    connection: deps.connection,
    namespace: deps.namespace,
    taskQueue: hostQueue(executor.serverId),
    activities: watchActivities(
      withActivityFailures({
        submit: logStage(
          logger,
          'submit',
          createSubmit({ executor, storage, locks, maxOutputBytes: deps.maxOutputBytes }),
        ),
        collect: logStage(logger, 'collect', async (input: CollectInput) => {
          const result = await collect(input);
          noteParts(metrics, result);
          return result;
        }),
        withdraw: createWithdraw({ executor, locks }),
        rescue: createRescue({
          executor,
          storage,
          locks,
          maxOutputBytes: deps.maxOutputBytes,
        }),
      }),
      deps,
    ),
    // Each lease has at most one submit or collect, also while its result is stored; withdraws need places beside them.
    maxConcurrentActivityTaskExecutions: deps.mostRoom * 2 + 8,
    // How soon a terminated run is noticed.
    maxHeartbeatThrottleInterval: '1s',
    // A drawing goes on without us; the next worker re-attaches.
    shutdownGraceTime: '2s',
    shutdownForceTime: '10s',
  });
}

function noteParts(metrics: Metrics, { queuedMs, executionMs, storeMs }: CollectResult): void {
  metrics.observe('collectSeconds', { part: 'queued' }, queuedMs / 1_000);
  metrics.observe('collectSeconds', { part: 'drawing' }, executionMs / 1_000);
  metrics.observe('collectSeconds', { part: 'storing' }, storeMs / 1_000);
}
