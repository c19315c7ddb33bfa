/** Two gpu workers at one server: whichever takes a stage finds what the other has done. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  executionsOf,
  leasesOf,
  pictureRequest,
  postJobs,
  postPicture,
  promptsOn,
  untilDrawing,
  untilState,
} from '../support/jobs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { startRoleProcess, type RoleProcess } from '../support/worker-process.ts';

let stack: TestStack;
let second: RoleProcess;
beforeAll(async () => {
  stack = await startTestStack({ simulator: { stepMs: 200 } });
  second = await startRoleProcess('worker-gpu', stack.env);
});
afterAll(async () => {
  await second.kill();
  await stack.stop();
});

describe('two gpu workers at one server', () => {
  it('draw each job of a batch once, also when answers to POST /prompt are lost', async () => {
    stack.simulator.fault({ kind: 'enqueue-then-drop', times: 3 });
    stack.simulator.fault({ kind: 'refuse-prompt', times: 2 });
    const { jobIds } = await postJobs(stack.url, {
      jobs: Array.from({ length: 8 }, () => pictureRequest()),
    });
    for (const jobId of jobIds) {
      expect((await untilState(stack, jobId, 'succeeded')).attempt).toBe(1);
      expect(executionsOf(stack.simulator, jobId)).toHaveLength(1);
    }
  });

  it('go on with what the other leaves when it is killed, and cancel what it had posted', async () => {
    const kept = await postPicture(stack, 20);
    await untilDrawing(stack, kept);
    const canceled = await postPicture(stack, 40);
    await second.kill();
    await untilState(stack, kept, 'succeeded');
    expect(executionsOf(stack.simulator, kept)).toHaveLength(1);
    await fetch(`${stack.url}/v1/consumer/jobs/${canceled}`, { method: 'DELETE' });
    await untilState(stack, canceled, 'canceled');
    expect(await leasesOf(stack, canceled)).toEqual([]);
    expect(await promptsOn(stack.simulator.url)).toEqual({ running: [], pending: [] });
  });
});
