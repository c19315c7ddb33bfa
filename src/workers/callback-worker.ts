import { Worker, type NativeConnection } from '@temporalio/worker';
import { createCallbackActivities, type CallbackDeps } from '../activities/deliver-callbacks.ts';
import { watchActivities } from '../activities/watched.ts';
import { CALLBACK_QUEUE } from '../domain/naming.ts';
import type { Tracer } from '../ports.ts';

export interface CallbackWorkerDeps extends CallbackDeps {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly tracer: Tracer;
}

/** Deliveries mostly wait for their receivers: each costs a socket, and a database connection for a moment. */
const AT_A_TIME = 50;

/** Sends callbacks, on a queue and in slots of its own. */
export const createCallbackWorker = (deps: CallbackWorkerDeps): Promise<Worker> =>
  Worker.create({
    connection: deps.connection,
    namespace: deps.namespace,
    taskQueue: CALLBACK_QUEUE,
    activities: watchActivities({ ...createCallbackActivities(deps) }, deps),
    maxConcurrentActivityTaskExecutions: AT_A_TIME,
    // What is under way may end; what is not over by then is sent again, with the same id.
    shutdownGraceTime: '5s',
  });
