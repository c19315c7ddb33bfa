import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_MODELS } from '../../src/executors/simulator/models.ts';
import { startSimulator, type Simulator } from '../../src/executors/simulator/server.ts';
import { readRunHistory } from '../../src/client/run-history.ts';
import type { ClaimWait } from '../../src/workers/waiting-claims.ts';
import {
  executionsOf,
  leasesOf,
  pictureRequest,
  postJobs,
  rowOf,
  untilState,
} from '../support/jobs.ts';
import { registerCheckpoint } from '../support/removed-model-cases.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { startRoleProcess, type RoleProcess } from '../support/worker-process.ts';

/** A heartbeat timeout (10 s) and the start of a process, on a busy machine. */
const RECOVERY_MS = 120_000;
const WINDOW = 4;

describe('two servers with different models in one pool', () => {
  let stack: TestStack;
  let second: Simulator;
  let placer: RoleProcess;
  /** Checkpoints that only the first or only the second server has. */
  const models: string[] = [];
  const placerEnv = (): Readonly<Record<string, string>> => ({
    ...stack.env,
    PLACEMENT_WINDOW: String(WINDOW),
  });

  beforeAll(async () => {
    const listing = (name: string) => ({
      ...DEFAULT_MODELS,
      checkpoints: [...(DEFAULT_MODELS['checkpoints'] ?? []), name],
    });
    stack = await startTestStack({
      role: 'api',
      simulator: { stepMs: 1_000, models: listing('first.safetensors') },
    });
    second = await startSimulator({
      ...{ port: 0, dataDir: `${stack.dir}/second`, stepMs: 1_000 },
      models: listing('second.safetensors'),
    });
    await stack.serve('worker-gpu');
    await stack.serve('worker-gpu', {
      ...{ COMFY_SERVER_ID: 'second', COMFY_HTTP_URL: second.url, COMFY_WS_URL: second.wsUrl },
    });
    placer = await startRoleProcess('worker-cpu', placerEnv());
    for (const name of ['first', 'second'])
      models.push(await registerCheckpoint(stack.url, `${name}.safetensors`));
    await until('both servers are known', async () => {
      const rows = await stack.sql`select from servers where reachable and files <> '{}'`;
      return rows.count === 2;
    });
  });
  afterAll(async () => {
    await placer.kill();
    await stack.stop();
    await second.close();
  });

  const post = async (model: string, steps: number, quantity = 1): Promise<readonly string[]> => {
    const params = { prompt: 'a', width: 64, height: 64, steps, cfgScale: 7, seed: -1 };
    const posted = await postJobs(stack.url, pictureRequest(steps, { model, params, quantity }));
    if (posted.status !== 202) throw new Error(posted.text);
    return posted.jobIds;
  };
  const cancelAll = async (jobIds: readonly string[]): Promise<void> => {
    for (const jobId of jobIds)
      await fetch(`${stack.url}/v1/consumer/jobs/${jobId}`, { method: 'DELETE' });
    for (const jobId of jobIds) await untilState(stack, jobId, 'canceled');
  };
  /** What the claim of a waiting job last told of its wait. */
  const waitOf = async (jobId: string): Promise<ClaimWait | undefined> => {
    const history = await readRunHistory(stack.client, jobId);
    const claim = history?.pending.find((one) => one.activityType?.name === 'claim');
    const data = claim?.heartbeatDetails?.payloads?.[0]?.data;
    return data ? (JSON.parse(Buffer.from(data).toString()) as ClaimWait) : undefined;
  };

  it('draw a job behind a full window of jobs that only the busy one can run, and work without a GPU goes on', async () => {
    const stuck = await post(models[0] ?? '', 100, 3 * WINDOW);
    await until('the first server has its two', async () => {
      const rows = await stack.sql`select from leases`;
      return rows.count === 2;
    });
    const [jobId = ''] = await post(models[1] ?? '', 1);
    // From POST to picture: its run starts, its graph is built and its result written beside all that wait.
    const row = await untilState(stack, jobId, 'succeeded', RECOVERY_MS);
    expect(row.serverId).toBe('second');
    expect(executionsOf(second, jobId)).toHaveLength(1);
    const running = await stack.sql<{ id: string; serverId: string }[]>`
      select id, server_id from jobs where state = 'running'`;
    expect(running.map(({ serverId }) => serverId)).toEqual(['local', 'local']);
    // Jobs that wait end at once when they are told to, and those behind them are drawn.
    await cancelAll(stuck.filter((id) => !running.some((one) => one.id === id)));
    await cancelAll(running.map(({ id }) => id));
    const [next = ''] = await post(models[0] ?? '', 1);
    expect((await untilState(stack, next, 'succeeded', RECOVERY_MS)).serverId).toBe('local');
  });

  it('keep the leases of a killed placer, and the next one takes over its claims with their age', async () => {
    const busy = await post(models[0] ?? '', 100, 2);
    for (const jobId of busy)
      await until('it has a lease', async () => (await leasesOf(stack, jobId))[0]);
    const [jobId = ''] = await post(models[0] ?? '', 1);
    const before = await until('its claim beats', () => waitOf(jobId), RECOVERY_MS);
    const leases = await stack.sql`select * from leases order by job_id`;
    await placer.kill();
    placer = await startRoleProcess('worker-cpu', placerEnv());
    await until(
      'the claim is tried again',
      async () => {
        const history = await readRunHistory(stack.client, jobId);
        const claim = history?.pending.find((one) => one.activityType?.name === 'claim');
        return (claim?.attempt ?? 0) > 1;
      },
      RECOVERY_MS,
    );
    const after = await until('it beats again', () => waitOf(jobId), RECOVERY_MS);
    expect(after.enteredAtMs).toBe(before.enteredAtMs);
    expect(await stack.sql`select * from leases order by job_id`).toEqual(leases);
    await cancelAll(busy);
    await untilState(stack, jobId, 'succeeded', RECOVERY_MS);
    expect(executionsOf(stack.simulator, jobId)).toHaveLength(1);
  });

  it('give the room of terminated runs to the next, whether they drew or waited', async () => {
    const [drawing = '', queued = '', waiting = ''] = await post(models[0] ?? '', 100, 3);
    await until('two have leases', async () => (await stack.sql`select from leases`).count === 2);
    for (const jobId of [drawing, queued, waiting])
      await stack.client.workflow.getHandle(`job-${jobId}`).terminate('test');
    const [next = ''] = await post(models[0] ?? '', 1);
    await untilState(stack, next, 'succeeded', RECOVERY_MS);
    for (const jobId of [drawing, queued, waiting])
      expect((await untilState(stack, jobId, 'failed')).failure?.code).toBe('terminated');
    await until('no lease is left', async () => (await stack.sql`select from leases`).count === 0);
    expect((await rowOf(stack, next)).attempt).toBe(1);
  });
});
