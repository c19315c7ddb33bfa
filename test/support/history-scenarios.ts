/** What the replay test has a history of. */
import { promptIdFor } from '../../src/activities/prompt-id.ts';
import { callbackWorkflowId, jobWorkflowId, withdrawWorkflowId } from '../../src/domain/naming.ts';
import type { CallbackReceiver } from './callback-receiver.ts';
import {
  finished,
  LONG,
  ofJob,
  SOME,
  waitingJob,
  withReceiver,
  type Recorder,
  type Scenario,
} from './history-recorder.ts';
import { createJobClient } from './job-client.ts';
import { pictureRequest, postJobs, untilGivenUp } from './jobs.ts';
import { RARE_SCENARIOS } from './rare-history-scenarios.ts';
import { until } from './until.ts';

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

/** A job whose first callback fails, tried twice or more; `again` has it sent once more. */
async function failingCallback({ stack }: Recorder, receiver: CallbackReceiver) {
  receiver.answer(() => 500);
  const request = pictureRequest(2, { callbackUrl: `${receiver.url}/hook` });
  const jobId = (await postJobs(stack.url, request)).jobIds[0] ?? '';
  await until('it was tried', () => receiver.received.length > 0);
  const again = async (): Promise<void> => {
    const seen = receiver.received.length;
    const path = `/v1/consumer/jobs/${jobId}/callbacks/1/redeliver`;
    await fetch(`${stack.url}${path}`, { method: 'POST' });
    await until('it was tried again', () => receiver.received.length > seen);
  };
  return { workflowId: callbackWorkflowId(jobId), again };
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
  {
    name: 'task',
    async run(recorder) {
      const task = { $type: 'blobUpload', key: 'a name' };
      const jobId = await createJobClient(recorder.stack).submit({}, {}, task);
      return finished(recorder, jobId, 'Succeeded');
    },
  },
  {
    name: 'task-failure',
    async run(recorder) {
      const jobs = createJobClient(recorder.stack);
      const drawn = await jobs.submit(LONG);
      await jobs.drawing(drawn);
      const jobId = await jobs.submit({}, {}, { $type: 'clearAssets', jobId: drawn });
      const recorded = await finished(recorder, jobId, 'Failed');
      await jobs.cancel(drawn);
      return recorded;
    },
  },
  {
    name: 'callback',
    run: (recorder) =>
      withReceiver(async (receiver) => {
        const { workflowId, again } = await failingCallback(recorder, receiver);
        const handle = recorder.stack.client.workflow.getHandle(workflowId);
        // The end of the job may be sent by the next run.
        const { runId } = await handle.describe();
        receiver.answer(() => 204);
        await again();
        await until('both are sent', () => receiver.accepted('/hook').length === 2);
        await handle.result();
        return { workflowId, runId };
      }),
  },
  {
    name: 'callback-continued',
    run: (recorder) =>
      withReceiver(async (receiver) => {
        const { workflowId, again } = await failingCallback(recorder, receiver);
        const handle = recorder.stack.client.workflow.getHandle(workflowId);
        const { runId } = await handle.describe();
        while ((await handle.describe()).runId === runId) await again();
        receiver.answer(() => 204);
        await again();
        await handle.result();
        return { workflowId, runId };
      }),
  },
  ...RARE_SCENARIOS,
];
