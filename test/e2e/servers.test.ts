import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServerDetail, ServerView } from '../../src/contract/server.ts';
import { startSimulator, type Simulator } from '../../src/executors/simulator/server.ts';
import { newJobRow, postJobs, pictureRequest, rowOf, untilState } from '../support/jobs.ts';
import { lastingPort } from '../support/lasting-port.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { startRoleProcess, type RoleProcess } from '../support/worker-process.ts';
import { createJobStore } from '../../src/db/jobs.ts';

const PATIENCE_MS = 90_000;
/** The variables of a single server stand aside for a list. */
const NO_SINGLE = { COMFY_HTTP_URL: '', COMFY_WS_URL: '' };

describe('several servers', () => {
  let stack: TestStack;
  const workers: RoleProcess[] = [];
  const simulators = new Map<string, Simulator>();

  const start = async (id: string, port?: number): Promise<Simulator> => {
    const simulator = await startSimulator({
      port: port ?? (await lastingPort()),
      dataDir: join(stack.dir, `simulator-${id}`),
      stepMs: 100,
    });
    simulators.set(id, simulator);
    return simulator;
  };
  const startWorker = async (
    servers: readonly { readonly id: string; readonly pool: string }[],
    serve?: string,
  ): Promise<RoleProcess> => {
    const list = servers.map((server) => ({ ...server, url: simulators.get(server.id)?.url }));
    const worker = await startRoleProcess('worker-gpu', {
      ...stack.env,
      ...NO_SINGLE,
      COMFY_SERVERS: JSON.stringify(list),
      ...(serve === undefined ? {} : { COMFY_SERVE: serve }),
    });
    workers.push(worker);
    return worker;
  };

  const fleet = async (): Promise<readonly ServerView[]> => {
    const answer = (await (await fetch(`${stack.url}/v1/servers`)).json()) as {
      servers: ServerView[];
    };
    return answer.servers;
  };
  const server = async (id: string): Promise<ServerDetail> =>
    (await (await fetch(`${stack.url}/v1/servers/${id}`)).json()) as ServerDetail;
  const untilIs = (id: string, state: ServerView['state']): Promise<ServerDetail> =>
    until(
      `${id} is ${state}`,
      async () => {
        const seen = await server(id);
        if (seen.state === state) return seen;
        throw new Error(JSON.stringify(seen));
      },
      PATIENCE_MS,
    );
  /** A job that only that pool may draw. */
  const postTo = async (pool: string, steps = 2): Promise<string> => {
    const { generation, ...row } = newJobRow({ pool });
    const job = { ...row, generation: { ...generation, steps } };
    await createJobStore(stack.sql).insertJobs([job]);
    return job.id;
  };
  const drawnBy = async (jobId: string): Promise<string | null> =>
    (await untilState(stack, jobId, 'succeeded', PATIENCE_MS)).serverId;
  const untilRunning = (jobId: string): Promise<string> =>
    until(
      `job ${jobId} has a server`,
      async () => (await rowOf(stack, jobId)).serverId ?? undefined,
      PATIENCE_MS,
    );
  const drain = (id: string, verb: 'drain' | 'resume'): Promise<Response> =>
    fetch(`${stack.url}/v1/servers/${id}/${verb}`, { method: 'POST' });

  beforeAll(async () => {
    stack = await startTestStack({ role: 'none', env: { SERVER_GONE_AFTER_SECONDS: '60' } });
    const { url } = await stack.serve('api');
    stack = { ...stack, url: url ?? '' };
    await stack.serve('worker-cpu', { ...NO_SINGLE, COMFY_POOL: 'fast' });
    for (const id of ['a', 'b', 'c']) await start(id);
  });
  afterAll(async () => {
    for (const worker of workers) await worker.kill();
    for (const simulator of simulators.values()) await simulator.close();
    await stack.stop();
  });

  it('in two pools are served by one worker process, in pools that the cpu worker did not know', async () => {
    await startWorker([
      { id: 'a', pool: 'fast' },
      { id: 'b', pool: 'fast' },
      { id: 'c', pool: 'slow' },
    ]);
    for (const id of ['a', 'b', 'c']) await untilIs(id, 'up');
    expect((await fleet()).map(({ id, pool }) => [id, pool])).toEqual([
      ['a', 'fast'],
      ['b', 'fast'],
      ['c', 'slow'],
    ]);
    const seen = await server('a');
    expect(seen).toMatchObject({ room: 2, running: 0, waiting: 0, error: null });
    expect(seen.modelFiles).toBeGreaterThan(0);
    expect(seen.nodeClasses).toBeGreaterThan(0);
    expect(seen.workers).toHaveLength(1);
    expect(JSON.stringify(await fleet())).not.toContain('127.0.0.1');
    const [fast, slow] = await Promise.all([postTo('fast'), postTo('slow')]);
    expect(['a', 'b']).toContain(await drawnBy(fast));
    expect(await drawnBy(slow)).toBe('c');
    expect((await server('c')).jobsPerHour).toBe(1);
    expect((await server('c')).loadedModel).toContain('4384@128713');
  });

  it('grow by one in a pool of its own while jobs run, and nothing else is restarted', async () => {
    const long = await postTo('slow', 30);
    await untilRunning(long);
    await start('d');
    await startWorker([{ id: 'd', pool: 'new' }]);
    expect(await drawnBy(await postTo('new'))).toBe('d');
    expect(await drawnBy(long)).toBe('c');
    expect((await rowOf(stack, long)).attempt).toBe(1);
  });

  it('go on while one of them is away, which is down with its error and comes back by itself', async () => {
    const port = Number(new URL(simulators.get('b')?.url ?? '').port);
    await simulators.get('b')?.close();
    const down = await untilIs('b', 'down');
    expect(down.error).toContain('gave no answer');
    expect(down.error).not.toContain(String(port));
    expect(Date.parse(down.since)).toBeLessThanOrEqual(Date.now());
    expect(await drawnBy(await postTo('fast'))).toBe('a');
    await start('b', port);
    expect(await untilIs('b', 'up')).toMatchObject({ error: null, loadedModel: null });
    expect((await server('b')).lastError?.message).toContain('gave no answer');
  });

  it('that are drained finish what they have and take nothing new until they are resumed', async () => {
    const running = await postTo('slow', 30);
    await untilRunning(running);
    // A job may move to another pool that can draw it: nobody is left who takes anything.
    for (const id of ['a', 'b', 'c', 'c', 'd']) expect((await drain(id, 'drain')).status).toBe(200);
    const waiting = await postTo('slow');
    expect(await drawnBy(running)).toBe('c');
    await until('c has nothing left', async () => (await server('c')).jobs === 0, PATIENCE_MS);
    expect(await server('c')).toMatchObject({ state: 'draining' });
    expect(await rowOf(stack, waiting)).toMatchObject({ state: 'queued', serverId: null });
    expect((await drain('c', 'resume')).status).toBe(200);
    expect(await drawnBy(waiting)).toBe('c');
    for (const id of ['a', 'b', 'd']) await drain(id, 'resume');
    expect((await drain('nowhere', 'drain')).status).toBe(404);
  });

  it('keep a drain over the leave of their worker, which hands over what it draws', async () => {
    const [, second] = workers;
    // The placer knows of the resume at most two seconds later; until then another pool may take the job.
    await until('d draws again', async () => (await drawnBy(await postTo('new'))) === 'd');
    const job = await postTo('new', 100);
    await untilRunning(job);
    await drain('d', 'drain');
    await until(
      'd draws',
      async () =>
        (simulators.get('d')?.executions() ?? []).some(({ endedAt }) => endedAt === undefined),
      PATIENCE_MS,
    );
    expect(await second?.terminate()).toBe(0);
    await untilIs('d', 'gone');
    await startWorker(
      [
        { id: 'a', pool: 'fast' },
        { id: 'd', pool: 'new' },
      ],
      'd',
    );
    await untilIs('d', 'draining');
    expect(await drawnBy(job)).toBe('d');
    expect((await rowOf(stack, job)).attempt).toBe(1);
  });

  it('are served by two workers each, which share one room', async () => {
    await startWorker([{ id: 'a', pool: 'fast' }]);
    const seen = await until(
      'two workers stand at a',
      async () => {
        const one = await server('a');
        return one.workers.length === 2 && one;
      },
      PATIENCE_MS,
    );
    expect(seen).toMatchObject({ state: 'up', room: 2 });
    await workers.at(-1)?.terminate();
    expect((await untilIs('a', 'up')).workers).toHaveLength(1);
  });

  it('that are gone can be forgotten, and others not', async () => {
    const remove = (id: string): Promise<Response> =>
      fetch(`${stack.url}/v1/servers/${id}`, { method: 'DELETE' });
    expect((await remove('a')).status).toBe(409);
    await workers[2]?.terminate();
    await untilIs('d', 'gone');
    await until('d holds nothing', async () => (await server('d')).jobs === 0, PATIENCE_MS);
    expect((await remove('d')).status).toBe(204);
    expect((await remove('d')).status).toBe(404);
  });

  it('are refused where the list is wrong, by a process that says why and shows no password', async () => {
    const url = 'http://user:hunter2@127.0.0.1:8188';
    const failure = startRoleProcess('worker-gpu', {
      ...stack.env,
      ...NO_SINGLE,
      COMFY_SERVERS: JSON.stringify([{ id: 'x', url }]),
    });
    await expect(failure).rejects.toThrow('servers[0].url: credentials do not belong in a URL');
    await expect(failure).rejects.not.toThrow('hunter2');
    const api = await postJobs(stack.url, pictureRequest());
    expect(api.status).toBe(202);
  });
});
