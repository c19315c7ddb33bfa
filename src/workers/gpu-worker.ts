import { Worker, type NativeConnection } from '@temporalio/worker';
import { createCollect, type DrawingListener } from '../activities/collect.ts';
import { withActivityFailures } from '../activities/failures.ts';
import { createPromptLocks } from '../activities/prompt-locks.ts';
import { logStage } from '../activities/stage-log.ts';
import { createSubmit } from '../activities/submit.ts';
import { createWithdraw } from '../activities/withdraw.ts';
import type { JobRuns } from '../client/job-runs.ts';
import type { Lease } from '../domain/job.ts';
import { hostQueue } from '../domain/naming.ts';
import type { AttemptBlobs, Executor, Logger, PromptState } from '../ports.ts';

export interface GpuWorkerDeps {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly executor: Executor;
  readonly storage: AttemptBlobs;
  readonly maxOutputBytes: number;
  readonly runs: Pick<JobRuns, 'isRunClosed'>;
  /** The most jobs it is ever given at a time. */
  readonly mostRoom: number;
  readonly progress: DrawingListener;
  readonly onDrawn: (lease: Lease, state: PromptState) => void;
  readonly logger: Logger;
}

/** Submit, collect and withdraw at one server. Needs Temporal, the server and a blob store; no database. */
export async function createGpuWorker(deps: GpuWorkerDeps): Promise<Worker> {
  const { executor, storage, logger } = deps;
  const locks = createPromptLocks();
  return Worker.create({
    connection: deps.connection,
    namespace: deps.namespace,
    taskQueue: hostQueue(executor.serverId),
    activities: withActivityFailures({
      submit: logStage(logger, 'submit', createSubmit({ executor, storage, locks })),
      collect: logStage(
        logger,
        'collect',
        createCollect({
          executor,
          storage,
          maxOutputBytes: deps.maxOutputBytes,
          logger,
          isRunClosed: deps.runs.isRunClosed,
          progress: deps.progress,
          onDrawn: deps.onDrawn,
        }),
      ),
      withdraw: createWithdraw({ executor, locks }),
    }),
    // Each lease has at most one submit or collect, also while its result is stored; withdraws need places beside them.
    maxConcurrentActivityTaskExecutions: deps.mostRoom * 2 + 8,
    // How soon a terminated run is noticed.
    maxHeartbeatThrottleInterval: '1s',
    // A drawing goes on without us; the next worker re-attaches.
    shutdownGraceTime: '2s',
    shutdownForceTime: '10s',
  });
}
