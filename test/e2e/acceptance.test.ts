import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createJobRuns, type JobRuns } from '../../src/client/job-runs.ts';
import { readRunHistory } from '../../src/client/run-history.ts';
import { connectTemporal } from '../../src/client/temporal.ts';
import { loadConfig } from '../../src/config.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import { createOutbox } from '../../src/db/outbox.ts';
import type { TemporalServer } from '../../src/dev/temporal-process.ts';
import { jobWorkflowId } from '../../src/domain/naming.ts';
import { silentLogger } from '../../src/telemetry.ts';
import { createStarter } from '../../src/workers/starter.ts';
import {
  executionsOf,
  newJobRow,
  pictureRequest,
  postJobs,
  postPicture,
  rowOf,
  untilDrawing,
  untilState,
} from '../support/jobs.ts';
import { ownTemporal } from '../support/own-temporal.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

const TIMING = { priorityAgeMs: 300_000, serverLostAfterMs: 120_000 };

/** Run ids of a job as visibility lists them. */
async function runsOf(client: Client, jobId: string): Promise<string[]> {
  const runs: string[] = [];
  const query = `WorkflowId = '${jobWorkflowId(jobId)}'`;
  for await (const run of client.workflow.list({ query })) runs.push(run.runId);
  return runs;
}

const expectOneRun = async (stack: TestStack, client: Client, jobId: string): Promise<void> => {
  const row = await untilState(stack, jobId, 'succeeded');
  await until('visibility shows the run', async () => (await runsOf(client, jobId)).length > 0);
  expect(await runsOf(client, jobId)).toEqual([row.runId]);
  expect(row).toMatchObject({ runIndex: 1, attempt: 1 });
  expect(executionsOf(stack.simulator, jobId)).toHaveLength(1);
};

describe('an accepted job', () => {
  let stack: TestStack;
  let runs: JobRuns;
  beforeAll(async () => {
    stack = await startTestStack();
    runs = createJobRuns(stack.client, TIMING);
  });
  afterAll(() => stack.stop());

  it('is started although its process died between the commit and the start', async () => {
    const job = newJobRow();
    await createJobStore(stack.sql).insertJobs([job]);
    await expectOneRun(stack, stack.client, job.id);
    expect((await rowOf(stack, job.id)).startedAt).toBeInstanceOf(Date);
  });

  it('never runs when it is cancelled before its start, not even when that was under way', async () => {
    const [waiting, underWay] = [
      newJobRow({ startInMs: 3_600_000 }),
      newJobRow({ startInMs: 3_600_000 }),
    ];
    await createJobStore(stack.sql).insertJobs([waiting, underWay]);
    for (const { id } of [waiting, underWay]) {
      const response = await fetch(`${stack.url}/v1/consumer/jobs/${id}`, { method: 'DELETE' });
      expect(response.status).toBe(200);
      expect(await rowOf(stack, id)).toMatchObject({ state: 'canceled', startedAt: null });
    }
    await stack.sql`update jobs set start_after = now() where id = ${waiting.id}`;
    await runs.start(await rowOf(stack, underWay.id), 5_000);
    await until(
      'its run is closed',
      async () => (await runs.describe(underWay.id)).state === 'closed',
    );
    expect(await runs.describe(underWay.id)).toMatchObject({ status: 'CANCELLED' });
    // A job that became due later has been through the starter by then.
    const next = newJobRow();
    await createJobStore(stack.sql).insertJobs([next]);
    await untilState(stack, next.id, 'succeeded');
    expect(await runs.describe(waiting.id)).toEqual({ state: 'unknown' });
    for (const { id } of [waiting, underWay]) {
      expect((await rowOf(stack, id)).state).toBe('canceled');
      expect(executionsOf(stack.simulator, id)).toEqual([]);
    }
  });

  it('is accepted once of 100 requests at once under an Idempotency-Key, and another body is refused', async () => {
    const key = { 'idempotency-key': randomUUID() };
    const body = pictureRequest();
    const apis = [stack.url, (await stack.serve('api')).url ?? ''];
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => postJobs(apis[index % 2] ?? '', body, key)),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    const replayed = answers.filter(({ headers }) => headers.get('idempotent-replayed') === 'true');
    expect(replayed).toHaveLength(99);
    const jobId = answers[0]?.jobIds[0] ?? '';
    await expectOneRun(stack, stack.client, jobId);
    // Ended since, and asked of a process that started later.
    const { url: restarted = '' } = await stack.serve('api');
    const again = await postJobs(restarted, body, key);
    expect({ status: again.status, text: again.text }).toEqual({
      status: 202,
      text: answers[0]?.text,
    });
    const other = await postJobs(restarted, pictureRequest(3), key);
    expect(other.status).toBe(409);
    expect(other.text).toContain('another body');
    expect((await stack.sql`select from jobs where id = ${jobId}`).count).toBe(1);
    expect((await stack.sql`select from idempotency_keys`).count).toBe(1);
  });

  it('of a batch of 30 is drawn once, like each of the others', async () => {
    const jobs = Array.from({ length: 30 }, () => pictureRequest());
    const { status, jobIds } = await postJobs(stack.url, { jobs });
    expect({ status, count: jobIds.length }).toEqual({ status: 202, count: 30 });
    for (const jobId of jobIds) {
      await untilState(stack, jobId, 'succeeded');
      expect(executionsOf(stack.simulator, jobId)).toHaveLength(1);
    }
    const leases = await stack.sql`select from leases where job_id = any(${[...jobIds]}::uuid[])`;
    expect(leases.count).toBe(0);
  });
});

describe('two starters at once', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startTestStack({ role: 'none' });
  });
  afterAll(() => stack.stop());

  it('start each of 40 jobs once', async () => {
    const jobs = Array.from({ length: 40 }, (_, position) => newJobRow({ position }));
    await createJobStore(stack.sql).insertJobs(jobs);
    const runs = createJobRuns(stack.client, TIMING);
    const calls: string[] = [];
    const starters = [1, 2].map(() =>
      createStarter({
        outbox: createOutbox(stack.sql),
        runs: {
          cancel: runs.cancel,
          start: async (job, deadlineMs) => {
            calls.push(job.id);
            await runs.start(job, deadlineMs);
          },
        },
        wakeups: { on: () => () => undefined },
        pollMs: 20,
        logger: silentLogger,
      }),
    );
    try {
      await until('all are acknowledged', async () => {
        const rows = await stack.sql`select from jobs where started_at is null`;
        return rows.count === 0;
      });
    } finally {
      for (const starter of starters) await starter.close();
    }
    expect([...calls].sort()).toEqual(jobs.map(({ id }) => id).sort());
  });

  it('find a start that was never acknowledged, because its process died, and the job runs once', async () => {
    const job = newJobRow();
    await createJobStore(stack.sql).insertJobs([job]);
    await createJobRuns(stack.client, TIMING).start(await rowOf(stack, job.id), 5_000);
    expect((await rowOf(stack, job.id)).startedAt).toBeNull();
    await Promise.all([stack.serve('worker'), stack.serve('worker')]);
    await expectOneRun(stack, stack.client, job.id);
    expect((await rowOf(stack, job.id)).startedAt).toBeInstanceOf(Date);
  });
});

describe('a job posted while Temporal is away', () => {
  let temporal: TemporalServer;
  let client: Client;
  let stack: TestStack;
  let start: () => Promise<TemporalServer>;
  beforeAll(async () => {
    stack = await startTestStack({ role: 'none' });
    start = await ownTemporal(stack.dir, stack.env);
    temporal = await start();
    const config = loadConfig({ ...stack.env, TEMPORAL_NAMESPACE: 'default' });
    client = connectTemporal({ ...config, TEMPORAL_ADDRESS: temporal.address });
  });
  afterAll(async () => {
    await stack.stop();
    await client.connection.close();
    await temporal.stop();
  });

  it('is accepted, and runs exactly once when Temporal is back', async () => {
    const { url = '' } = await stack.serve('monolith', {
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: 'default',
    });
    await untilState(stack, await postPicture({ url }), 'succeeded');
    await temporal.stop();
    const jobId = await postPicture({ url });
    const batch = await postJobs(url, { jobs: [pictureRequest(), pictureRequest()] });
    expect(batch.status).toBe(202);
    expect(await rowOf(stack, jobId)).toMatchObject({ state: 'queued', startedAt: null });
    temporal = await start();
    for (const id of [jobId, ...batch.jobIds]) await expectOneRun(stack, client, id);
  });
});

describe('a database that goes away', () => {
  let stack: TestStack;
  let proxy: TcpProxy;
  beforeAll(async () => {
    stack = await startTestStack({ role: 'none' });
    proxy = await startTcpProxy(new URL(stack.env['DATABASE_URL'] ?? ''));
  });
  afterAll(async () => {
    await stack.stop();
    await proxy.close();
  });

  it('makes requests 503 with nothing half done, and everything goes on when it is back', async () => {
    const through = new URL(stack.env['DATABASE_URL'] ?? '');
    through.port = String(proxy.port);
    const { url = '' } = await stack.serve('monolith', {
      DATABASE_URL: through.href,
      PRIORITY_AGE_SECONDS: '1',
    });
    stack.simulator.pauseDrawing(true);
    const drawing = await postPicture({ url });
    await untilDrawing(stack, drawing);
    const waited = fetch(`${url}/v1/consumer/jobs?wait=true`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(pictureRequest()),
    });
    const placed = async (): Promise<number> => (await stack.sql`select from leases`).count;
    await until('the waiting request is placed', async () => (await placed()) === 2);
    const unclaimed = await postPicture({ url });
    const claimsOf = async (): Promise<number> => {
      const history = await readRunHistory(stack.client, unclaimed);
      const names = history?.events.map(
        ({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityType?.name,
      );
      return names?.filter((name) => name === 'claim').length ?? 0;
    };
    await until('the third waits for room', async () => (await claimsOf()) > 0);
    const accepted = async (): Promise<number> => (await stack.sql`select from jobs`).count;

    await proxy.cut();
    for (const body of [pictureRequest(), { jobs: [pictureRequest(), pictureRequest()] }]) {
      const refused = await postJobs(url, body);
      expect(refused.status, refused.text).toBe(503);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(JSON.parse(refused.text)).toMatchObject({ code: 'unavailable' });
    }
    const read = await fetch(`${url}/v1/consumer/jobs/${drawing}`);
    expect(read.status).toBe(503);
    expect(await accepted()).toBe(3);
    await until('the third has been moved up a priority level and another', async () => {
      return (await claimsOf()) >= 3;
    });
    stack.simulator.pauseDrawing(false);
    await until('the drawing is done', () =>
      executionsOf(stack.simulator, drawing).every((drawn) => drawn.endedAt !== undefined),
    );

    await proxy.restore();
    expect((await untilState(stack, drawing, 'succeeded')).attempt).toBe(1);
    expect((await waited).ok).toBe(true);
    await untilState(stack, unclaimed, 'succeeded');
    const { status, jobIds } = await postJobs(url, { jobs: [pictureRequest(), pictureRequest()] });
    expect(status).toBe(202);
    for (const jobId of jobIds) await untilState(stack, jobId, 'succeeded');
    expect(await accepted()).toBe(5);
  });
});
