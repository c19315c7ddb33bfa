/** How runs are made whose histories the replay test has. */
import { jobWorkflowId } from '../../src/domain/naming.ts';
import { startCallbackReceiver, type CallbackReceiver } from './callback-receiver.ts';
import { createJobClient, type JobClientStack } from './job-client.ts';
import { until } from './until.ts';

export interface Recorder {
  readonly stack: JobClientStack;
  /** The server dies with its queue. */
  stopSimulator(): Promise<void>;
  /** It comes back where it was. */
  startSimulator(): Promise<void>;
  /** Nothing reaches the server, which goes on. */
  cutOff(): Promise<void>;
  reconnect(): Promise<void>;
}

export interface Recorded {
  readonly workflowId: string;
  readonly runId?: string;
}

export interface Scenario {
  readonly name: string;
  run(recorder: Recorder): Promise<Recorded>;
}

export const LONG = { steps: 100 };
export const SOME = { steps: 20 };

export const ofJob = (jobId: string): Recorded => ({ workflowId: jobWorkflowId(jobId) });

export async function finished(recorder: Recorder, jobId: string, type: string): Promise<Recorded> {
  const jobs = createJobClient(recorder.stack);
  await jobs.ends(jobId, type, 60_000);
  const handle = recorder.stack.client.workflow.getHandle(jobWorkflowId(jobId));
  await until('the run is closed', async () => (await handle.describe()).status.name !== 'RUNNING');
  return ofJob(jobId);
}

/** A job that waits because two others have the server. */
export async function waitingJob(
  recorder: Recorder,
): Promise<{ jobId: string; free(): Promise<void> }> {
  const jobs = createJobClient(recorder.stack);
  const fillers = [await jobs.submit(LONG), await jobs.submit(LONG)];
  await until('the server is full', async () => (await jobs.leases()).length === 2);
  const jobId = await jobs.submit();
  const handle = recorder.stack.client.workflow.getHandle(jobWorkflowId(jobId));
  await until('the claim waits', async () => {
    const { raw } = await handle.describe();
    return raw.pendingActivities?.some(({ activityType }) => activityType?.name === 'claim');
  });
  return {
    jobId,
    async free() {
      for (const id of fillers) await jobs.cancel(id);
    },
  };
}

export async function withReceiver(
  run: (receiver: CallbackReceiver) => Promise<Recorded>,
): Promise<Recorded> {
  const receiver = await startCallbackReceiver();
  return run(receiver).finally(() => receiver.close());
}
