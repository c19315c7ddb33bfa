/** Jobs that wait for other jobs on running stacks: in order, ended with their reason, and whatever dies meanwhile. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { JobStatus } from '../../src/contract/v1/job-status.ts';
import { jobWorkflowId } from '../../src/domain/naming.ts';
import {
  eventTypes,
  executionsOf,
  leasesOf,
  pictureRequest,
  postJobs,
  rowOf,
  untilDrawing,
  untilState,
} from '../support/jobs.ts';
import { untilServerKnown } from '../support/server-known.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { startRoleProcess, type RoleProcess } from '../support/worker-process.ts';
import { lastingPort } from '../support/lasting-port.ts';

/** A workflow task timeout (10 s) and the start of workers, on a busy machine. */
const RECOVERY_MS = 90_000;

const picture = (name: string, dependencies: readonly string[] = [], change: object = {}): object =>
  pictureRequest(2, { name, dependencies, ...change });

/** Posts a batch; the ids of its jobs in the order of its entries. */
async function post(url: string, ...jobs: object[]): Promise<string[]> {
  const posted = await postJobs(url, { jobs });
  expect(posted.status, posted.text).toBe(202);
  return [...posted.jobIds];
}

const read = async (url: string, jobId: string, search = ''): Promise<JobStatus> =>
  (await fetch(`${url}/v1/consumer/jobs/${jobId}${search}`)).json() as Promise<JobStatus>;

describe('jobs that wait for others', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startTestStack();
  });
  afterEach(() => stack.simulator.pauseDrawing(false));
  afterAll(() => stack.stop());

  it('are drawn in the order of their dependencies, each once', async () => {
    const [last = '', middle = '', first = ''] = await post(
      stack.url,
      picture('last', ['middle', 'first']),
      picture('middle', ['first']),
      picture('first'),
    );
    for (const id of [first, middle, last]) await untilState(stack, id, 'succeeded');
    const drawn = [first, middle, last].map((id) => executionsOf(stack.simulator, id));
    expect(drawn.map((runs) => runs.length)).toEqual([1, 1, 1]);
    const rows = await Promise.all([first, middle, last].map((id) => rowOf(stack, id)));
    for (const [index, { startedAt }] of rows.entries())
      if (index > 0)
        expect(startedAt?.getTime()).toBeGreaterThanOrEqual(
          rows[index - 1]?.finishedAt?.getTime() ?? Infinity,
        );
    const detailed = await read(stack.url, last, '?detailed=true');
    expect(detailed.job).toMatchObject({
      dependencies: ['middle', 'first'],
      jobDependencies: [middle, first],
    });
  });

  it('are unknown to Temporal meanwhile, say what they wait for, and end with the reason of a cancel', async () => {
    stack.simulator.pauseDrawing(true);
    const [needed = '', waiting = '', behind = ''] = await post(
      stack.url,
      picture('a'),
      picture('b', ['a']),
      picture('c', ['b']),
    );
    await untilDrawing(stack, needed);
    const status = await read(stack.url, waiting);
    expect(status.lastEvent.context['waiting']).toBe(
      `it waits for a job it depends on: ${needed} (running)`,
    );
    expect(status.scheduled).toBe(true);
    const handle = stack.client.workflow.getHandle(jobWorkflowId(waiting));
    await expect(handle.describe()).rejects.toThrow(/not found/i);
    expect(await leasesOf(stack, waiting)).toEqual([]);

    await fetch(`${stack.url}/v1/consumer/jobs/${needed}`, { method: 'DELETE' });
    for (const [id, cause] of [
      [waiting, `${needed}, which was cancelled.`],
      [behind, `${waiting}, which failed (dependency_failed:`],
    ] as const) {
      const { failure } = await untilState(stack, id, 'failed');
      expect(failure?.code).toBe('dependency_failed');
      expect(failure?.message).toContain(`It depends on job ${cause}`);
      expect(await eventTypes(stack, id)).toEqual(['Initialized', 'Failed']);
    }
    expect(executionsOf(stack.simulator, waiting)).toEqual([]);
  });

  it('end when the one they wait for takes longer than its own timeout, which frees its server', async () => {
    stack.simulator.pauseDrawing(true);
    const [slow = '', waiting = ''] = await post(
      stack.url,
      picture('slow', [], { timeout: '00:00:01' }),
      picture('waiting', ['slow']),
    );
    const { failure, attempt } = await untilState(stack, slow, 'failed');
    expect(failure).toMatchObject({
      code: 'timed_out',
      message: expect.stringContaining("the job's own timeout of 1 s") as string,
    });
    expect(attempt).toBe(1);
    expect((await untilState(stack, waiting, 'failed')).failure?.message).toContain('timed_out');
    await until('its room is free', async () => (await leasesOf(stack, slow)).length === 0);
    stack.simulator.pauseDrawing(false);
    const [next = ''] = await post(stack.url, picture('next', [], { timeout: '00:05:00' }));
    await untilState(stack, next, 'succeeded');
  });

  it('are woken for a long poll when they end, and start for one that has succeeded already', async () => {
    const [done = ''] = await post(stack.url, picture('done'));
    await untilState(stack, done, 'succeeded');
    const body = picture('after', [done]);
    const response = await fetch(`${stack.url}/v1/consumer/jobs?wait=true`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(response.status, await response.clone().text()).toBe(200);
  });
});

describe.concurrent('a cpu worker killed', () => {
  it.each([
    [
      'before it releases a job that waited',
      'sent:update jobs set awaits_jobs = false, start_after',
    ],
    ['before that is committed', 'answered:update jobs set awaits_jobs = false, start_after'],
    ['when it has released the job and before that is started', 'sent:select j.* from unnest'],
  ])('%s: the job is drawn once', { timeout: 20 * RECOVERY_MS }, async (_moment, killAt) => {
    const stack = await startTestStack({ role: 'api' });
    let victim: RoleProcess | undefined;
    try {
      await stack.serve('worker-gpu');
      // The first job needs a cpu worker as well; the one that dies comes when it is drawn.
      const helper = await stack.serve('worker-cpu');
      await untilServerKnown(stack);
      stack.simulator.pauseDrawing(true);
      const [needed = '', waiting = ''] = await post(
        stack.url,
        picture('needed'),
        picture('waiting', ['needed']),
      );
      await untilDrawing(stack, needed);
      await helper.stop();
      victim = await startRoleProcess('worker-cpu', stack.env, undefined, { killAt });
      stack.simulator.pauseDrawing(false);
      await victim.ended;
      expect((await rowOf(stack, waiting)).startedAt).toBeNull();
      await stack.serve('worker-cpu');
      for (const id of [needed, waiting]) {
        await untilState(stack, id, 'succeeded', RECOVERY_MS);
        expect(executionsOf(stack.simulator, id)).toHaveLength(1);
      }
    } finally {
      await victim?.kill();
      await stack.stop();
    }
  });
});

describe('an api killed', () => {
  it(
    'while it stores what jobs wait for: nothing was accepted',
    { timeout: 10 * RECOVERY_MS },
    async () => {
      const stack = await startTestStack({ role: 'none' });
      const port = String(await lastingPort());
      const killAt = 'answered:insert into job_dependencies';
      const victim = await startRoleProcess('api', { ...stack.env, PORT: port }, undefined, {
        killAt,
      });
      try {
        const jobs = [picture('a'), picture('b', ['a'])];
        const posted = postJobs(`http://127.0.0.1:${port}`, { jobs }).catch(() => undefined);
        await Promise.race([posted, victim.ended]);
        await victim.ended;
        expect((await stack.sql`select from jobs`).count).toBe(0);
        expect((await stack.sql`select from job_dependencies`).count).toBe(0);
      } finally {
        await victim.kill();
        await stack.stop();
      }
    },
  );
});
