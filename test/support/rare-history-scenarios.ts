/** Runs with ends that few jobs have, for the replay test. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { promptIdFor } from '../../src/activities/prompt-id.ts';
import { callbackWorkflowId, jobWorkflowId, withdrawWorkflowId } from '../../src/domain/naming.ts';
import {
  finished,
  LONG,
  ofJob,
  SOME,
  waitingJob,
  withReceiver,
  type Recorded,
  type Recorder,
  type Scenario,
} from './history-recorder.ts';
import { createJobClient } from './job-client.ts';
import { pictureRequest, postJobs, untilGivenUp } from './jobs.ts';
import { until } from './until.ts';

const withdrawn = async ({ stack }: Recorder, jobId: string): Promise<Recorded> => {
  const workflowId = withdrawWorkflowId(promptIdFor(jobId, 1, 1));
  await stack.client.workflow.getHandle(workflowId).result();
  return { workflowId };
};

/** A job that was given up while its server drew it out of sight; the picture is found when that is back. */
async function findPicture(recorder: Recorder): Promise<string> {
  const jobs = createJobClient(recorder.stack);
  const jobId = await jobs.submit({ ...SOME, prompt: 'drawn out of sight' });
  const promptId = await jobs.drawing(jobId);
  await recorder.cutOff();
  await untilGivenUp(recorder.stack, promptId);
  await until('it is drawn', () => jobs.executionsOf(promptId).includes('success'));
  await recorder.reconnect();
  await finished(recorder, jobId, 'Succeeded');
  return jobId;
}

/** A job that is cancelled while nothing reaches its server. */
async function cancelOutOfSight(recorder: Recorder): Promise<string> {
  const jobs = createJobClient(recorder.stack);
  const jobId = await jobs.submit(LONG);
  await jobs.drawing(jobId);
  await recorder.cutOff();
  await jobs.cancel(jobId);
  await finished(recorder, jobId, 'Deleted');
  await recorder.reconnect();
  return jobId;
}

export const RARE_SCENARIOS: readonly Scenario[] = [
  {
    name: 'found',
    async run(recorder) {
      return ofJob(await findPicture(recorder));
    },
  },
  {
    name: 'rescue',
    async run(recorder) {
      return withdrawn(recorder, await findPicture(recorder));
    },
  },
  {
    name: 'cancel-away',
    async run(recorder) {
      return ofJob(await cancelOutOfSight(recorder));
    },
  },
  {
    name: 'withdraw-canceled',
    async run(recorder) {
      return withdrawn(recorder, await cancelOutOfSight(recorder));
    },
  },
  {
    name: 'input-file',
    async run(recorder) {
      const jobs = createJobClient(recorder.stack);
      const first = await jobs.ends(await jobs.submit(), 'Succeeded');
      const { blobKey } = [first.result].flat()[0] ?? {};
      return finished(recorder, await jobs.submit({ sourceImage: { blobKey } }), 'Succeeded');
    },
  },
  {
    name: 'dependent',
    async run(recorder) {
      const request = {
        jobs: [
          pictureRequest(2, { name: 'first' }),
          pictureRequest(2, { dependencies: ['first'] }),
        ],
      };
      const [, jobId = ''] = (await postJobs(recorder.stack.url, request)).jobIds;
      return finished(recorder, jobId, 'Succeeded');
    },
  },
  {
    name: 'expired',
    async run(recorder) {
      const jobs = createJobClient(recorder.stack);
      const { jobId: ahead, free } = await waitingJob(recorder);
      const expireAt = new Date(Date.now() + 2_000).toISOString();
      const recorded = await finished(recorder, await jobs.submit({}, {}, { expireAt }), 'Expired');
      await jobs.cancel(ahead);
      await free();
      return recorded;
    },
  },
  {
    name: 'own-timeout',
    async run(recorder) {
      const further = { timeout: '00:00:01' };
      const jobId = await createJobClient(recorder.stack).submit(LONG, {}, further);
      return finished(recorder, jobId, 'Failed');
    },
  },
  {
    name: 'terminated',
    async run(recorder) {
      const jobs = createJobClient(recorder.stack);
      const jobId = await jobs.submit(LONG);
      await jobs.drawing(jobId);
      await recorder.stack.client.workflow.getHandle(jobWorkflowId(jobId)).terminate('recorded');
      return finished(recorder, jobId, 'Failed');
    },
  },
  {
    name: 'task-canceled',
    async run(recorder) {
      const jobs = createJobClient(recorder.stack);
      const drawn = await jobs.submit();
      await jobs.ends(drawn, 'Succeeded');
      // Takes what comes and says nothing.
      const mute = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
      await once(mute, 'listening');
      const { port } = mute.address() as AddressInfo;
      const called = once(mute, 'connection');
      const destinationUri = `http://127.0.0.1:${port}/`;
      const task = { $type: 'copyAsset', jobId: drawn, assetName: '0', destinationUri };
      const jobId = await jobs.submit({}, {}, task);
      await called;
      await jobs.cancel(jobId);
      const recorded = await finished(recorder, jobId, 'Deleted');
      mute.close();
      return recorded;
    },
  },
  {
    name: 'callback-gone',
    run: (recorder) =>
      withReceiver(async (receiver) => {
        receiver.answer(() => 410);
        const request = pictureRequest(2, { callbackUrl: `${receiver.url}/gone` });
        const [jobId = ''] = (await postJobs(recorder.stack.url, request)).jobIds;
        const workflowId = callbackWorkflowId(jobId);
        const handle = recorder.stack.client.workflow.getHandle(workflowId);
        await until('it was told', () => receiver.received.length > 0);
        const { runId } = await handle.describe();
        await recorder.stack.client.workflow.getHandle(workflowId, runId).result();
        return { workflowId, runId };
      }),
  },
];
