/** Machines whose clocks differ by hours: nothing that decides whether a job runs, or runs again, compares them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jobWorkflowId } from '../../src/domain/naming.ts';
import {
  executionsOf,
  pictureRequest,
  postJobs,
  postPicture,
  untilDrawing,
  untilState,
} from '../support/jobs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { startRoleProcess, type RoleProcess } from '../support/worker-process.ts';
import { lastingPort } from '../support/lasting-port.ts';

const HOUR_MS = 3_600_000;

let stack: TestStack;
let proxy: TcpProxy;
const processes: RoleProcess[] = [];
const start = async (role: string, clockShiftMs: number, more: Record<string, string> = {}) => {
  const env = {
    ...stack.env,
    COMFY_HTTP_URL: `http://127.0.0.1:${proxy.port}`,
    COMFY_WS_URL: `ws://127.0.0.1:${proxy.port}/ws`,
    ...more,
  };
  const started = await startRoleProcess(role, env, undefined, { clockShiftMs });
  processes.push(started);
  return started;
};
beforeAll(async () => {
  stack = await startTestStack({ role: 'api', simulator: { stepMs: 400 } });
  proxy = await startTcpProxy(new URL(stack.simulator.url));
});
afterAll(async () => {
  for (const one of processes) await one.kill();
  await stack.stop();
  await proxy.close();
});

describe('a worker whose clock is two hours ahead', () => {
  it(
    'takes over from one that is behind, from a server that is away for a moment, and draws nothing again',
    { timeout: 400_000 },
    async () => {
      const behind = await start('worker', -2 * HOUR_MS);
      const jobId = await postPicture(stack, 15);
      await untilDrawing(stack, jobId);
      await until('it is collected', async () => {
        const { raw } = await stack.client.workflow.getHandle(jobWorkflowId(jobId)).describe();
        return raw.pendingActivities?.some(
          (one) => one.activityType?.name === 'collect' && one.heartbeatDetails,
        );
      });
      await proxy.cut();
      await behind.kill();
      await start('worker', 2 * HOUR_MS);
      await until(
        'the next one has asked in vain',
        async () => {
          const { raw } = await stack.client.workflow.getHandle(jobWorkflowId(jobId)).describe();
          return raw.pendingActivities?.some(
            (one) => one.activityType?.name === 'collect' && (one.attempt ?? 1) > 2,
          );
        },
        60_000,
      );
      await proxy.restore();
      expect((await untilState(stack, jobId, 'succeeded')).attempt).toBe(1);
      expect(executionsOf(stack.simulator, jobId)).toHaveLength(1);
    },
  );

  it('still sees the runs that end without its doing', async () => {
    const jobId = await postPicture(stack, 60);
    await untilDrawing(stack, jobId);
    await stack.client.workflow.getHandle(jobWorkflowId(jobId)).terminate('by hand');
    expect((await untilState(stack, jobId, 'failed')).failure?.code).toBe('terminated');
    await until('its room is free', async () => (await stack.sql`select from leases`).count === 0);
  });
});

describe('an api whose clock is an hour ahead', () => {
  it('accepts jobs that start now', async () => {
    const port = await lastingPort();
    await start('api', HOUR_MS, { PORT: String(port) });
    const jobs = [pictureRequest(), pictureRequest()];
    const { jobIds, text } = await postJobs(`http://127.0.0.1:${port}`, { jobs });
    expect(jobIds, text).toHaveLength(2);
    for (const jobId of jobIds) await untilState(stack, jobId, 'succeeded');
  });
});
