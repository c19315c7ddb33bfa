/** What an autoscaler sees of a pool: docs/scaling.md. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { poolQueue } from '../../src/domain/naming.ts';
import { pictureRequest, postJobs, untilState } from '../support/jobs.ts';
import { placerCount } from '../support/many-processes.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const WINDOW = 3;
const ROOM = 1;

/** `DESCRIBE_TASK_QUEUE_MODE_ENHANCED`, `TASK_QUEUE_TYPE_ACTIVITY`. */
const ENHANCED: number = 1;
const ACTIVITY: number = 2;

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({
    env: { PLACEMENT_WINDOW: String(WINDOW), COMFY_ROOM: String(ROOM) },
  });
});
afterAll(() => stack.stop());

/** As KEDA's Temporal scaler asks: https://keda.sh/docs/latest/scalers/temporal/ */
async function backlogOf(pool: string): Promise<number> {
  const answer = await stack.client.workflowService.describeTaskQueue({
    namespace: stack.namespace,
    taskQueue: { name: poolQueue(pool) },
    apiMode: ENHANCED,
    taskQueueTypes: [ACTIVITY],
    reportStats: true,
  });
  return Object.values(answer.versionsInfo)
    .flatMap(({ typesInfo }) => Object.values(typesInfo ?? {}))
    .reduce((sum, { stats }) => sum + Number(stats?.approximateBacklogCount ?? 0), 0);
}

/** Throws with the last count, which says more than a time-out. */
const untilBacklog = (expected: number): Promise<true> =>
  until(
    `a backlog of ${expected}`,
    async () => {
      const seen = await backlogOf('default');
      if (seen === expected) return true;
      throw new Error(`it is ${seen}`);
    },
    60_000,
  );

it('is the jobs that no placer holds yet, and nothing once they are over', async () => {
  stack.simulator.pauseDrawing(true);
  const jobs = Array.from({ length: 12 }, () => pictureRequest());
  const { status, jobIds } = await postJobs(stack.url, { jobs });
  expect(status).toBe(202);
  await untilBacklog(jobs.length - ROOM - WINDOW * placerCount);

  for (const id of jobIds) await fetch(`${stack.url}/v1/consumer/jobs/${id}`, { method: 'DELETE' });
  for (const id of jobIds) await untilState(stack, id, 'canceled');
  await untilBacklog(0);
});
