/** What the replay test has a history of. */
import { promptIdFor } from '../../src/activities/prompt-id.ts';
import { jobWorkflowId, withdrawWorkflowId } from '../../src/domain/naming.ts';
import { createJobClient, type JobClientStack } from './job-client.ts';
import { untilGivenUp } from './jobs.ts';
import { until } from './until.ts';

export interface Recorder {
  readonly stack: JobClientStack;
  /** The server dies with its queue. */
  stopSimulator(): Promise<void>;
  /** It comes back where it was. */
  startSimulator(): Promise<void>;
}

export interface Recorded {
  readonly workflowId: string;
  readonly runId?: string;
}

export interface Scenario {
  readonly name: string;
  run(recorder: Recorder): Promise<Recorded>;
}

const LONG = { steps: 100 };
const SOME = { steps: 20 };

const ofJob = (jobId: string): Recorded => ({ workflowId: jobWorkflowId(jobId) });

async function finished(recorder: Recorder, jobId: string, type: string): Promise<Recorded> {
  const jobs = createJobClient(recorder.stack);
  await jobs.ends(jobId, type, 60_000);
  const handle = recorder.stack.client.workflow.getHandle(jobWorkflowId(jobId));
  await until('the run is closed', async () => (await handle.describe()).status.name !== 'RUNNING');
  return ofJob(jobId);
}

/** A job that waits because two others have the server. */
async function waitingJob(recorder: Recorder): Promise<{ jobId: string; free(): Promise<void> }> {
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

async function resetWhileDrawing(recorder: Recorder): Promise<{ jobId: string; base: string }> {
  const jobs = createJobClient(recorder.stack);
  const { client } = recorder.stack;
  const jobId = await jobs.submit(SOME);
  await jobs.drawing(jobId);
  const { runId } = await client.workflow.getHandle(jobWorkflowId(jobId)).describe();
  await client.workflowService.resetWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: { workflowId: jobWorkflowId(jobId), runId },
    // The end of the second workflow task: the claim is kept, and belongs to the run before.
    workflowTaskFinishEventId: 10 as never,
    requestId: jobId,
    reason: 'recorded',
  });
  await jobs.drawing(jobId, 2);
  return { jobId, base: runId };
}

async function loseServer(recorder: Recorder): Promise<string> {
  const jobs = createJobClient(recorder.stack);
  const jobId = await jobs.submit(SOME);
  const promptId = await jobs.drawing(jobId);
  await recorder.stopSimulator();
  await untilGivenUp(recorder.stack, promptId);
  await recorder.startSimulator();
  return jobId;
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'success',
    async run(recorder) {
      const jobId = await createJobClient(recorder.stack).submit();
      return finished(recorder, jobId, 'Succeeded');
    },
  },
  {
    name: 'failure',
    async run(recorder) {
      recorder.stack.simulator.fault({ kind: 'fail-node', message: 'out of memory' });
      const jobId = await createJobClient(recorder.stack).submit();
      return finished(recorder, jobId, 'Failed');
    },
  },
  {
    name: 'cancel-queued',
    async run(recorder) {
      const { jobId, free } = await waitingJob(recorder);
      await createJobClient(recorder.stack).cancel(jobId);
      const recorded = await finished(recorder, jobId, 'Deleted');
      await free();
      return recorded;
    },
  },
  {
    name: 'cancel-running',
    async run(recorder) {
      const jobs = createJobClient(recorder.stack);
      const jobId = await jobs.submit(LONG);
      await jobs.drawing(jobId);
      await jobs.cancel(jobId);
      return finished(recorder, jobId, 'Deleted');
    },
  },
  {
    name: 'retried-submit',
    async run(recorder) {
      const fault = { kind: 'http-error', path: '/prompt', method: 'POST', times: 2 } as const;
      recorder.stack.simulator.fault(fault);
      const jobId = await createJobClient(recorder.stack).submit();
      return finished(recorder, jobId, 'Succeeded');
    },
  },
  {
    name: 'new-attempt',
    async run(recorder) {
      const jobs = createJobClient(recorder.stack);
      const jobId = await jobs.submit(SOME);
      const promptId = await jobs.drawing(jobId);
      await fetch(`${recorder.stack.simulator.url}/interrupt`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ prompt_id: promptId }),
      });
      return finished(recorder, jobId, 'Succeeded');
    },
  },
  {
    name: 'hold-resume',
    async run(recorder) {
      const jobs = createJobClient(recorder.stack);
      const { jobId, free } = await waitingJob(recorder);
      const handle = recorder.stack.client.workflow.getHandle(jobWorkflowId(jobId));
      await handle.signal('hold');
      await until('it is held', async () => (await jobs.read(jobId)).lastEvent.context['held']);
      await handle.signal('resume');
      await free();
      return finished(recorder, jobId, 'Succeeded');
    },
  },
  {
    name: 'reset-base',
    async run(recorder) {
      const { jobId, base } = await resetWhileDrawing(recorder);
      await finished(recorder, jobId, 'Succeeded');
      return { ...ofJob(jobId), runId: base };
    },
  },
  {
    name: 'reset',
    async run(recorder) {
      const { jobId } = await resetWhileDrawing(recorder);
      return finished(recorder, jobId, 'Succeeded');
    },
  },
  {
    name: 'server-lost',
    async run(recorder) {
      return finished(recorder, await loseServer(recorder), 'Succeeded');
    },
  },
  {
    name: 'withdraw',
    async run(recorder) {
      const jobId = await loseServer(recorder);
      await finished(recorder, jobId, 'Succeeded');
      const workflowId = withdrawWorkflowId(promptIdFor(jobId, 1, 1));
      const handle = recorder.stack.client.workflow.getHandle(workflowId);
      await until(
        'it is withdrawn',
        async () => (await handle.describe()).status.name !== 'RUNNING',
      );
      return { workflowId };
    },
  },
];
