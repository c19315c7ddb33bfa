import { rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createJobStore } from '../../src/db/jobs.ts';
import { outputPrefix } from '../../src/domain/naming.ts';
import { DEFAULT_MODELS } from '../../src/executors/simulator/models.ts';
import { startSimulator } from '../../src/executors/simulator/server.ts';
import {
  eventTypes,
  executionsOf,
  leasesOf,
  newJobRow,
  postPicture,
  promptsOn,
  rowOf,
  untilDrawing,
  untilGivenUp,
  untilState,
} from '../support/jobs.ts';
import { untilServerKnown } from '../support/server-known.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

describe('an attempt that fails', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startTestStack();
  });
  afterAll(() => stack.stop());

  it.each(['refuse-prompt', 'enqueue-then-fail', 'enqueue-then-drop'] as const)(
    'is none when POST /prompt fails in passing (%s): it is tried again and drawn once',
    async (kind) => {
      stack.simulator.fault({ kind });
      const jobId = await postPicture(stack);
      const row = await untilState(stack, jobId, 'succeeded');
      expect(row.attempt).toBe(1);
      expect(executionsOf(stack.simulator, jobId)).toHaveLength(1);
    },
  );

  it('is final when a node fails, with the node in the reason, whatever the server says', async () => {
    stack.simulator.fault({
      kind: 'fail-node',
      classType: 'KSampler',
      message: 'out of \u0000 paint \ud83d',
    });
    const jobId = await postPicture(stack);
    const { failure, attempt } = await untilState(stack, jobId, 'failed');
    expect(attempt).toBe(1);
    expect(failure).toMatchObject({ code: 'execution_failed' });
    expect(failure?.message).toMatch(/^Node \S+ \(KSampler\) raised RuntimeError: out of . paint/);
    expect(executionsOf(stack.simulator, jobId)).toHaveLength(1);
    expect(await leasesOf(stack, jobId)).toEqual([]);
    await until(
      'its events end with Failed',
      async () => (await eventTypes(stack, jobId)).at(-1) === 'Failed',
    );
  });

  it('is final when the server refuses the graph', async () => {
    const job = newJobRow();
    const broken = { ...job, generation: { ...job.generation, width: 8 } };
    await createJobStore(stack.sql).insertJobs([broken]);
    const { failure, attempt } = await untilState(stack, job.id, 'failed');
    expect({ attempt, code: failure?.code }).toEqual({ attempt: 1, code: 'graph_refused' });
    expect(failure?.message).toContain('width');
    expect(executionsOf(stack.simulator, job.id)).toEqual([]);
  });

  it('is final when the model was removed after acceptance', async () => {
    stack.simulator.setModels({
      ...DEFAULT_MODELS,
      checkpoints: (DEFAULT_MODELS['checkpoints'] ?? []).filter((name) => !name.includes('sdxl')),
    });
    const job = newJobRow({ ecosystem: 'sdxl' });
    const model = 'urn:air:sdxl:checkpoint:civitai:101055@128078';
    const removed = {
      ...job,
      generation: { ...job.generation, ecosystem: 'sdxl' as const, model },
    };
    await createJobStore(stack.sql).insertJobs([removed]);
    const { failure, attempt } = await untilState(stack, job.id, 'failed');
    expect({ attempt, code: failure?.code }).toEqual({ attempt: 1, code: 'model_missing' });
    expect(await leasesOf(stack, job.id)).toEqual([]);
    expect(executionsOf(stack.simulator, job.id)).toEqual([]);
  });

  it('gives way to a new one when somebody else interrupts the prompt', async () => {
    stack.simulator.pauseDrawing(true);
    const jobId = await postPicture(stack);
    const promptId = await untilDrawing(stack, jobId);
    await fetch(`${stack.simulator.url}/interrupt`, { method: 'POST', body: '{}' });
    stack.simulator.pauseDrawing(false);
    const row = await untilState(stack, jobId, 'succeeded');
    expect(row.attempt).toBe(2);
    const drawn = executionsOf(stack.simulator, jobId);
    expect(drawn.map(({ outcome }) => outcome)).toEqual(['interrupted', 'success']);
    expect(drawn[1]?.promptId).not.toBe(promptId);
    expect(await leasesOf(stack, jobId)).toEqual([]);
  });

  it('is none when the download of the picture is cut: it is fetched again', async () => {
    stack.simulator.fault({ kind: 'truncate-view', bytes: 20 });
    const jobId = await postPicture(stack);
    const row = await untilState(stack, jobId, 'succeeded');
    expect(row.attempt).toBe(1);
    expect(executionsOf(stack.simulator, jobId)).toHaveLength(1);
  });

  it.each([
    ['cut short', (file: string) => truncate(file, 60)],
    ['deleted', (file: string) => rm(file)],
  ] as const)('gives way to a new one when the picture was %s', async (_what, damage) => {
    const path = { path: '/view', query: 'type=output' };
    stack.simulator.fault({ kind: 'http-error', ...path, times: 1_000 });
    const jobId = await postPicture(stack);
    await until(
      'the picture is drawn',
      () => executionsOf(stack.simulator, jobId)[0]?.endedAt !== undefined,
    );
    const output = join(stack.dir, 'simulator', 'output');
    await damage(join(output, `${outputPrefix(jobId, 1, 1)}_00001_.png`));
    await fetch(`${stack.simulator.url}/sim/reset`, { method: 'POST' });
    const row = await untilState(stack, jobId, 'succeeded');
    expect(row.attempt).toBe(2);
    expect(row.outputs).toHaveLength(1);
  });

  it('gives way to a new one when the server is restarted while it draws', async () => {
    stack.simulator.pauseDrawing(true);
    const jobId = await postPicture(stack);
    const first = await untilDrawing(stack, jobId);
    await stack.simulator.close();
    const restarted = await startSimulator({
      port: stack.simulator.port,
      dataDir: join(stack.dir, 'simulator'),
    });
    try {
      const row = await untilState(stack, jobId, 'succeeded');
      expect(row.attempt).toBe(2);
      const drawn = executionsOf(restarted, jobId);
      expect(drawn.map(({ outcome }) => outcome)).toEqual(['success']);
      expect(drawn[0]?.promptId).not.toBe(first);
    } finally {
      await restarted.close();
    }
  });
});

describe('a server that stays away', () => {
  let stack: TestStack;
  let proxy: TcpProxy;
  let api: { readonly url: string };
  beforeAll(async () => {
    stack = await startTestStack({ role: 'none' });
    proxy = await startTcpProxy(new URL(stack.simulator.url));
    const { url = '' } = await stack.serve('monolith', {
      COMFY_HTTP_URL: `http://127.0.0.1:${proxy.port}`,
      COMFY_WS_URL: `ws://127.0.0.1:${proxy.port}/ws`,
      SERVER_LOST_AFTER_SECONDS: '2',
    });
    api = { url };
    await untilServerKnown(stack);
  });
  afterAll(async () => {
    await stack.stop();
    await proxy.close();
  });

  it('costs one attempt; then jobs wait, and one picture is drawn', async () => {
    stack.simulator.pauseDrawing(true);
    const jobId = await postPicture(api);
    const promptId = await untilDrawing(stack, jobId);
    await proxy.cut();
    await until('the server is known to be away', async () => {
      const reachable = await stack.sql`select from servers where reachable`;
      return reachable.count === 0;
    });
    const late = await postPicture(api);
    await untilGivenUp(stack, promptId);
    expect(await leasesOf(stack, late)).toEqual([]);

    await proxy.restore();
    await until('the prompt of the first attempt is withdrawn', () => {
      const [first] = executionsOf(stack.simulator, jobId);
      return first?.outcome === 'interrupted';
    });
    stack.simulator.pauseDrawing(false);
    await untilState(stack, jobId, 'succeeded', 90_000);
    await untilState(stack, late, 'succeeded');
    const outcomes = executionsOf(stack.simulator, jobId).map(({ outcome }) => outcome);
    expect(outcomes).toEqual(['interrupted', 'success']);
    expect((await rowOf(stack, jobId)).attempt).toBe(2);
    await until('no lease is left', async () => (await leasesOf(stack, jobId)).length === 0);
    expect(await promptsOn(stack.simulator.url)).toEqual({ running: [], pending: [] });
  });
});

describe('a job whose every attempt is interrupted', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startTestStack({
      env: { JOB_MAX_ATTEMPTS: '2' },
    });
    stack.simulator.pauseDrawing(true);
  });
  afterAll(() => stack.stop());

  it('fails after the last one, with the evidence', async () => {
    const jobId = await postPicture(stack);
    for (const attempt of [1, 2]) {
      await until(`attempt ${attempt} is drawn`, () => {
        const drawn = executionsOf(stack.simulator, jobId);
        return drawn.length === attempt && drawn.at(-1)?.outcome === undefined;
      });
      await fetch(`${stack.simulator.url}/interrupt`, { method: 'POST', body: '{}' });
    }
    const { failure } = await untilState(stack, jobId, 'failed');
    expect(failure).toMatchObject({ code: 'attempts_exhausted' });
    expect(failure?.message).toMatch(/interrupted/);
  });
});
