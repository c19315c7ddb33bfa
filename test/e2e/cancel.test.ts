import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Serving } from '../../src/commands/serve.ts';
import { promptIdFor } from '../../src/activities/prompt-id.ts';
import { jobWorkflowId } from '../../src/domain/naming.ts';
import {
  eventTypes,
  executionsOf,
  leasesOf,
  postPicture,
  promptsOn,
  rowOf,
  untilDrawing,
  untilState,
} from '../support/jobs.ts';
import { untilServerKnown } from '../support/server-known.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: TestStack;
let gpu: Serving;
beforeAll(async () => {
  // Room for two: one drawing, one waiting in the server's own queue.
  stack = await startTestStack({
    role: 'api',
    env: { COMFY_ROOM: '2' },
  });
  await stack.serve('worker-cpu');
  gpu = await stack.serve('worker-gpu');
  await untilServerKnown(stack);
});
afterAll(() => stack.stop());

const byApi = async (jobId: string): Promise<void> => {
  const response = await fetch(`${stack.url}/v1/consumer/jobs/${jobId}`, { method: 'DELETE' });
  expect(response.status).toBe(200);
};
const byTemporal = async (jobId: string): Promise<void> => {
  await stack.client.workflow.getHandle(jobWorkflowId(jobId)).cancel();
};
const untilQueued = (jobId: string): Promise<unknown> =>
  until('it waits in the queue of the server', async () =>
    (await promptsOn(stack.simulator.url)).pending.includes(promptIdFor(jobId, 1, 1)),
  );
const untilClaiming = (jobId: string): Promise<unknown> =>
  until('it waits for a server', async () => {
    const { raw } = await stack.client.workflow.getHandle(jobWorkflowId(jobId)).describe();
    return raw.pendingActivities?.some((one) => one.activityType?.name === 'claim') ?? false;
  });
const expectCanceled = async (jobId: string): Promise<void> => {
  const row = await untilState(stack, jobId, 'canceled');
  expect(row).toMatchObject({ outputs: null, failure: null });
  expect(await leasesOf(stack, jobId)).toEqual([]);
  const { running, pending } = await promptsOn(stack.simulator.url);
  expect([...running, ...pending]).not.toContain(promptIdFor(jobId, 1, 1));
  await until(
    'its events end with Deleted',
    async () => (await eventTypes(stack, jobId)).at(-1) === 'Deleted',
  );
};

describe.each([
  ['the API', byApi],
  ['Temporal', byTemporal],
] as const)('a cancel by %s', (_by, cancel) => {
  it('takes exactly its own job away, wherever that is', async () => {
    stack.simulator.pauseDrawing(true);
    const drawing = await postPicture(stack);
    const drawingPrompt = await untilDrawing(stack, drawing);
    const queued = await postPicture(stack);
    await untilQueued(queued);
    const unclaimed = await postPicture(stack);
    await untilClaiming(unclaimed);

    await cancel(unclaimed);
    await expectCanceled(unclaimed);
    await cancel(queued);
    await expectCanceled(queued);
    expect((await promptsOn(stack.simulator.url)).running).toEqual([drawingPrompt]);

    const behind = await postPicture(stack);
    await untilQueued(behind);
    await cancel(drawing);
    await expectCanceled(drawing);
    stack.simulator.pauseDrawing(false);
    expect((await untilState(stack, behind, 'succeeded')).attempt).toBe(1);
    expect(executionsOf(stack.simulator, behind).map(({ outcome }) => outcome)).toEqual([
      'success',
    ]);
    expect(executionsOf(stack.simulator, drawing).map(({ outcome }) => outcome)).toEqual([
      'interrupted',
    ]);
    expect([queued, unclaimed].flatMap((id) => executionsOf(stack.simulator, id))).toEqual([]);
  });
});

describe('a cancel', () => {
  it('of a finished job changes nothing', async () => {
    const jobId = await postPicture(stack);
    const before = await untilState(stack, jobId, 'succeeded');
    await byApi(jobId);
    expect(await rowOf(stack, jobId)).toEqual(before);
    await until('its run is closed', async () => {
      const { status } = await stack.client.workflow.getHandle(jobWorkflowId(jobId)).describe();
      return status.name === 'COMPLETED';
    });
    await byTemporal(jobId);
    expect(await rowOf(stack, jobId)).toEqual(before);
  });

  it('does not hang on a dead gpu worker, and the prompt is withdrawn when one is back', async () => {
    stack.simulator.pauseDrawing(true);
    const jobId = await postPicture(stack);
    const promptId = await untilDrawing(stack, jobId);
    await gpu.stop();
    await byApi(jobId);
    await untilState(stack, jobId, 'canceled');
    expect(await leasesOf(stack, jobId)).toEqual([promptId]);
    expect((await promptsOn(stack.simulator.url)).running).toEqual([promptId]);
    gpu = await stack.serve('worker-gpu');
    await until('its room is free', async () => (await leasesOf(stack, jobId)).length === 0);
    expect(await promptsOn(stack.simulator.url)).toEqual({ running: [], pending: [] });
    stack.simulator.pauseDrawing(false);
  });
});

describe('a hold', () => {
  it('that ends at once leaves the job waiting, and it is drawn when there is room', async () => {
    stack.simulator.pauseDrawing(true);
    const drawing = await postPicture(stack);
    await untilDrawing(stack, drawing);
    const queued = await postPicture(stack);
    await untilQueued(queued);
    const waiting = await postPicture(stack);
    await untilClaiming(waiting);
    const handle = stack.client.workflow.getHandle(jobWorkflowId(waiting));
    await handle.signal('hold');
    await handle.signal('resume');
    stack.simulator.pauseDrawing(false);
    for (const jobId of [drawing, queued, waiting]) await untilState(stack, jobId, 'succeeded');
  });

  it('takes no room until it ends', async () => {
    stack.simulator.pauseDrawing(true);
    const drawing = await postPicture(stack);
    await untilDrawing(stack, drawing);
    const queued = await postPicture(stack);
    await untilQueued(queued);
    const held = await postPicture(stack);
    await untilClaiming(held);
    const handle = stack.client.workflow.getHandle(jobWorkflowId(held));
    await handle.signal('hold');
    await until('the row says so', async () => (await rowOf(stack, held)).held);
    stack.simulator.pauseDrawing(false);
    for (const jobId of [drawing, queued, await postPicture(stack)])
      await untilState(stack, jobId, 'succeeded');
    expect(await rowOf(stack, held)).toMatchObject({ state: 'queued', held: true });
    expect(await leasesOf(stack, held)).toEqual([]);
    await handle.signal('resume');
    await untilState(stack, held, 'succeeded');
  });
});
