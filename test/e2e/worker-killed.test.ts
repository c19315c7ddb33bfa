import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createJobRuns } from '../../src/client/job-runs.ts';
import { readRunHistory } from '../../src/client/run-history.ts';
import {
  executionsOf,
  postPicture,
  promptsOn,
  rowOf,
  untilDrawing,
  untilState,
} from '../support/jobs.ts';
import { untilServerKnown } from '../support/server-known.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { startRoleProcess, type RoleProcess } from '../support/worker-process.ts';

/** A heartbeat timeout (10 s), the start of a process and a drawing, on a busy machine. */
const RECOVERY_MS = 60_000;

describe('a worker process that goes away', () => {
  let stack: TestStack;
  const workers: RoleProcess[] = [];
  const startWorker = async (): Promise<RoleProcess> => {
    const worker = await startRoleProcess('worker', stack.env);
    workers.push(worker);
    return worker;
  };
  /** Tries of the activity that is open now, or 0 when none is. */
  const triesOf = async (jobId: string, activity: string): Promise<number> => {
    const history = await readRunHistory(stack.client, jobId);
    const open = history?.pending.find((one) => one.activityType?.name === activity);
    return open?.attempt ?? 0;
  };

  beforeAll(async () => {
    stack = await startTestStack({ role: 'api' });
  });
  afterAll(async () => {
    for (const worker of workers) await worker.kill();
    await stack.stop();
  });

  it('killed while the picture is drawn: the next one collects it, drawn once', async () => {
    const first = await startWorker();
    await untilServerKnown(stack);
    stack.simulator.pauseDrawing(true);
    const jobId = await postPicture(stack);
    await untilDrawing(stack, jobId);
    await until('it is collected', async () => (await triesOf(jobId, 'collect')) > 0);
    await first.kill();
    const second = await startWorker();
    stack.simulator.pauseDrawing(false);
    const row = await untilState(stack, jobId, 'succeeded', RECOVERY_MS);
    expect(row.attempt).toBe(1);
    expect(executionsOf(stack.simulator, jobId).map(({ outcome }) => outcome)).toEqual(['success']);
    await second.kill();
  });

  it('killed between claim and submit: the next one submits it, drawn once', async () => {
    const first = await startWorker();
    stack.simulator.fault({ kind: 'refuse-prompt', times: 1_000 });
    const jobId = await postPicture(stack);
    await until('the POST was refused', async () => (await triesOf(jobId, 'submit')) > 1);
    await first.kill();
    expect(executionsOf(stack.simulator, jobId)).toEqual([]);
    await fetch(`${stack.simulator.url}/sim/reset`, { method: 'POST' });
    const second = await startWorker();
    const row = await untilState(stack, jobId, 'succeeded', RECOVERY_MS);
    expect(row.attempt).toBe(1);
    expect(executionsOf(stack.simulator, jobId)).toHaveLength(1);
    await second.kill();
  });

  it('asked to end while the picture is drawn: it leaves the prompt, and the next one re-attaches', async () => {
    const first = await startWorker();
    stack.simulator.pauseDrawing(true);
    const jobId = await postPicture(stack);
    const promptId = await untilDrawing(stack, jobId);
    await until('it is collected', async () => (await triesOf(jobId, 'collect')) > 0);
    expect(await first.terminate()).toBe(0);
    expect(await promptsOn(stack.simulator.url)).toEqual({ running: [promptId], pending: [] });
    expect((await rowOf(stack, jobId)).state).toBe('running');
    const second = await startWorker();
    stack.simulator.pauseDrawing(false);
    const row = await untilState(stack, jobId, 'succeeded', RECOVERY_MS);
    expect(row.attempt).toBe(1);
    expect(executionsOf(stack.simulator, jobId).map(({ outcome }) => outcome)).toEqual(['success']);
    expect(await second.terminate()).toBe(0);
  });

  it('gone for good does not keep a cancelled job open', async () => {
    const first = await startWorker();
    stack.simulator.pauseDrawing(true);
    const jobId = await postPicture(stack);
    const promptId = await untilDrawing(stack, jobId);
    await first.kill();
    const runs = createJobRuns(stack.client, {
      priorityAgeMs: 300_000,
      serverLostAfterMs: 120_000,
    });
    expect(await runs.cancel(jobId)).toBe(true);
    const cpu = await startRoleProcess('worker-cpu', stack.env);
    workers.push(cpu);
    await untilState(stack, jobId, 'canceled', RECOVERY_MS);
    const gpu = await startRoleProcess('worker-gpu', stack.env);
    workers.push(gpu);
    await until(
      'the server is free of the prompt',
      async () => !(await promptsOn(stack.simulator.url)).running.includes(promptId),
      RECOVERY_MS,
    );
    await until('the room is free', async () => (await stack.sql`select from leases`).count === 0);
  });
});
