import { Worker, type NativeConnection } from '@temporalio/worker';
import { withActivityFailures } from '../activities/failures.ts';
import { createRunTask, type RunTaskDeps } from '../activities/run-task.ts';
import { watchActivities } from '../activities/watched.ts';
import { TASK_QUEUE } from '../domain/naming.ts';
import type { Metrics, Tracer } from '../ports.ts';

export interface TaskWorkerDeps extends RunTaskDeps {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
}

/** Copies mostly wait for their receivers; everything else is a short transaction. */
const AT_A_TIME = 20;

/** Does tasks, on a queue and in slots of its own. */
export const createTaskWorker = (deps: TaskWorkerDeps): Promise<Worker> =>
  Worker.create({
    connection: deps.connection,
    namespace: deps.namespace,
    taskQueue: TASK_QUEUE,
    activities: watchActivities(withActivityFailures({ runTask: createRunTask(deps) }), deps),
    maxConcurrentActivityTaskExecutions: AT_A_TIME,
    // A copy that is not over by then is begun again by the next worker.
    shutdownGraceTime: '5s',
  });
