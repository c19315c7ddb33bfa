/** The yardstick: what four activities cost when nobody does anything in them. */
import {
  ActivityCancellationType,
  proxyActivities,
  type ActivityOptions,
} from '@temporalio/workflow';

interface BareActivities {
  claim(): Promise<void>;
  prepare(): Promise<void>;
  submit(): Promise<void>;
  collect(): Promise<void>;
}

/** Time-outs, retries and priorities are those of `src/workflows/proxies.ts`. */
const bare = (options: ActivityOptions): BareActivities =>
  proxyActivities<BareActivities>({
    retry: { initialInterval: '250ms', backoffCoefficient: 2, maximumInterval: '5s' },
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    ...options,
  });

export interface BareInput {
  readonly cpuQueue: string;
  readonly gpuQueue: string;
}

/** Claim, prepare, submit and collect with empty bodies, on the two queues. */
export async function bareWorkflow({ cpuQueue, gpuQueue }: BareInput): Promise<void> {
  await bare({
    taskQueue: gpuQueue,
    scheduleToCloseTimeout: '5 minutes',
    heartbeatTimeout: '10s',
    priority: { priorityKey: 3, fairnessKey: 'local' },
  }).claim();
  await bare({ taskQueue: cpuQueue, startToCloseTimeout: '10s' }).prepare();
  await bare({ taskQueue: gpuQueue, startToCloseTimeout: '30s' }).submit();
  await bare({
    taskQueue: gpuQueue,
    startToCloseTimeout: '30 minutes',
    heartbeatTimeout: '10s',
  }).collect();
}
