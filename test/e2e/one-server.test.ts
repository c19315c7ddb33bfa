/** One server that restarts, forgets, falls silent or is away for a while, and a store that fails: one picture each. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promptIdFor } from '../../src/activities/prompt-id.ts';
import { startSimulator, type Simulator } from '../../src/executors/simulator/server.ts';
import {
  executionsOf,
  leasesOf,
  pictureRequest,
  postJobs,
  postPicture,
  promptsOn,
  rowOf,
  untilDrawing,
  untilState,
} from '../support/jobs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

/** Long steps rather than many: each costs a preview, and the machine may be busy. */
const STEP_MS = 400;
let stack: TestStack;
let proxy: TcpProxy;
let server: Simulator;
let api: { readonly url: string };
beforeAll(async () => {
  stack = await startTestStack({ role: 'none', simulator: { stepMs: STEP_MS } });
  server = stack.simulator;
  proxy = await startTcpProxy(new URL(server.url));
  const { url = '' } = await stack.serve('monolith', {
    COMFY_HTTP_URL: `http://127.0.0.1:${proxy.port}`,
    COMFY_WS_URL: `ws://127.0.0.1:${proxy.port}/ws`,
  });
  api = { url };
});
afterAll(async () => {
  await server.close();
  await stack.stop();
  await proxy.close();
});

const restart = async (): Promise<void> => {
  const { port } = server;
  await server.close();
  server = await startSimulator({
    port,
    dataDir: join(stack.dir, 'simulator'),
    stepMs: STEP_MS,
  });
};
const untilDrawn = (jobId: string): Promise<unknown> =>
  until('the picture is drawn', () =>
    executionsOf(server, jobId).some(({ outcome }) => outcome === 'success'),
  );
const expectOnePicture = async (jobId: string): Promise<void> => {
  const row = await untilState(stack, jobId, 'succeeded');
  expect({ attempt: row.attempt, outputs: row.outputs?.length }).toEqual({
    attempt: 1,
    outputs: 1,
  });
  expect(await leasesOf(stack, jobId)).toEqual([]);
};

describe('a server', () => {
  it('restarted while the prompt waits in its queue draws it after the restart, and no attempt is counted', async () => {
    const drawing = await postPicture(api, 40);
    await untilDrawing({ simulator: server }, drawing);
    const { jobIds } = await postJobs(api.url, pictureRequest(2, { retries: 0 }));
    const [waiting = ''] = jobIds;
    await until('it waits there', async () =>
      (await promptsOn(server.url)).pending.includes(promptIdFor(waiting, 1, 1)),
    );
    await restart();
    await fetch(`${api.url}/v1/consumer/jobs/${drawing}`, { method: 'DELETE' });
    await untilState(stack, waiting, 'succeeded');
    await untilState(stack, drawing, 'canceled');
    expect(executionsOf(server, waiting).map(({ outcome }) => outcome)).toEqual(['success']);
  });

  it('restarted when it was through but nothing was collected: the file is found by its name', async () => {
    const jobId = await postPicture(api, 4);
    await untilDrawing({ simulator: server }, jobId);
    server.fault({ kind: 'http-error', path: '/history', times: 1_000 });
    await untilDrawn(jobId);
    await restart();
    await expectOnePicture(jobId);
    expect(executionsOf(server, jobId)).toEqual([]);
  });

  it('restarted when it was through but the answer to the POST was lost: the retry finds the file', async () => {
    server.fault({ kind: 'enqueue-then-drop' });
    const jobId = await postPicture(api, 1);
    await untilDrawing({ simulator: server }, jobId);
    await proxy.cut();
    await untilDrawn(jobId);
    await restart();
    await proxy.restore();
    await expectOnePicture(jobId);
    expect(executionsOf(server, jobId)).toEqual([]);
  });

  it('that forgot the prompt (history evicted) still has the file', async () => {
    server.fault({ kind: 'lose-history' });
    const jobId = await postPicture(api);
    await expectOnePicture(jobId);
    expect(executionsOf(server, jobId)).toHaveLength(1);
  });

  it('whose WebSocket is silent is asked instead', async () => {
    server.fault({ kind: 'silence-sockets' });
    const jobId = await postPicture(api);
    await expectOnePicture(jobId);
    server.fault({ kind: 'silence-sockets', off: true });
    expect(executionsOf(server, jobId)).toHaveLength(1);
  });

  it("whose WebSocket tells of another client's prompts is not believed about ours", async () => {
    const jobId = await postPicture(api, 6);
    const promptId = await untilDrawing({ simulator: server }, jobId);
    // Another client that uses our prompt's files and ends at once: its frames are broadcast, for it has no client id.
    const other = await fetch(`${server.url}/prompt`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        prompt: {
          '1': {
            class_type: 'EmptyLatentImage',
            inputs: { width: 64, height: 64, batch_size: 1 },
          },
          '2': {
            class_type: 'SaveLatent',
            inputs: { samples: ['1', 0], filename_prefix: 'other' },
          },
        },
      }),
    });
    expect(other.status).toBe(200);
    await expectOnePicture(jobId);
    expect(executionsOf(server, jobId).map((one) => [one.promptId, one.outcome])).toEqual([
      [promptId, 'success'],
    ]);
  });

  it('that is away for less than SERVER_LOST_AFTER while it draws is waited for', async () => {
    const jobId = await postPicture(api, 6);
    await untilDrawing({ simulator: server }, jobId);
    await proxy.cut();
    await untilDrawn(jobId);
    await until('it is known to be away', async () => {
      const away = await stack.sql`select from servers where not reachable`;
      return away.count > 0;
    });
    await proxy.restore();
    await expectOnePicture(jobId);
    expect(executionsOf(server, jobId)).toHaveLength(1);
  });
});

describe('a blob store that fails', () => {
  it('makes the picture wait where it is until the store works again; it is drawn once', async () => {
    const jobId = await postPicture(api, 4);
    await untilDrawing({ simulator: server }, jobId);
    const [blobs, aside] = [join(stack.dir, 'blobs'), join(stack.dir, 'blobs-aside')];
    await rename(blobs, aside);
    await writeFile(blobs, 'no folder');
    await untilDrawn(jobId);
    await until('storing was tried again', async () => {
      const { raw } = await stack.client.workflow.getHandle(`job-${jobId}`).describe();
      return raw.pendingActivities?.some((one) => (one.attempt ?? 1) > 1);
    });
    expect((await rowOf(stack, jobId)).state).toBe('running');
    await rm(blobs);
    await rename(aside, blobs);
    await expectOnePicture(jobId);
    expect(executionsOf(server, jobId)).toHaveLength(1);
  });
});

describe('the limits of a job', () => {
  it('end it when no server took it by its expireAt, and it is never drawn', async () => {
    const fillers = [await postPicture(api, 40), await postPicture(api, 40)];
    await until(
      'the server is full',
      async () => (await stack.sql`select from leases`).count === 2,
    );
    const expireAt = new Date(Date.now() + 3_000).toISOString();
    const { jobIds, text } = await postJobs(api.url, pictureRequest(2, { expireAt }));
    const jobId = jobIds[0] ?? text;
    const { failure } = await untilState(stack, jobId, 'expired');
    expect(failure).toMatchObject({ code: 'expired' });
    expect(failure?.message).toContain(expireAt);
    for (const id of fillers)
      await fetch(`${api.url}/v1/consumer/jobs/${id}`, { method: 'DELETE' });
    for (const id of fillers) await untilState(stack, id, 'canceled');
    expect(executionsOf(server, jobId)).toEqual([]);
  });

  it('are the attempts that its request gave it', async () => {
    const { jobIds } = await postJobs(api.url, pictureRequest(40, { retries: 0 }));
    const [jobId = ''] = jobIds;
    await untilDrawing({ simulator: server }, jobId);
    await fetch(`${server.url}/interrupt`, { method: 'POST', body: '{}' });
    const { failure, attempt } = await untilState(stack, jobId, 'failed');
    expect({ code: failure?.code, attempt }).toEqual({ code: 'attempts_exhausted', attempt: 1 });
  });
});

describe('a cancel', () => {
  const cancel = async (jobId: string): Promise<void> => {
    const response = await fetch(`${api.url}/v1/consumer/jobs/${jobId}`, { method: 'DELETE' });
    expect(response.status).toBe(200);
  };

  it('in the middle of a submit that gets no answer gives that up, and nothing is drawn', async () => {
    server.fault({ kind: 'hang', path: '/prompt', method: 'POST' });
    const jobId = await postPicture(api);
    await until('it is posted', async () => {
      const response = await fetch(`${server.url}/sim/faults`);
      return !(await response.text()).includes('hang');
    });
    await cancel(jobId);
    await untilState(stack, jobId, 'canceled', 25_000);
    expect(executionsOf(server, jobId)).toEqual([]);
    expect(await leasesOf(stack, jobId)).toEqual([]);
  });

  it('of a picture that is drawn but not stored wins: the job has no picture', async () => {
    const jobId = await postPicture(api, 4);
    await untilDrawing({ simulator: server }, jobId);
    server.fault({ kind: 'http-error', path: '/view', times: 1_000 });
    await untilDrawn(jobId);
    await cancel(jobId);
    const row = await untilState(stack, jobId, 'canceled');
    await fetch(`${server.url}/sim/reset`, { method: 'POST', body: '' });
    expect(row.outputs).toBeNull();
    expect(await leasesOf(stack, jobId)).toEqual([]);
  });

  it('with the server away ends the job; the prompt is withdrawn when it is back, before anything new', async () => {
    const jobId = await postPicture(api, 60);
    const promptId = await untilDrawing({ simulator: server }, jobId);
    await proxy.cut();
    await cancel(jobId);
    await untilState(stack, jobId, 'canceled');
    expect(await leasesOf(stack, jobId)).toEqual([promptId]);
    const next = await postPicture(api);
    await proxy.restore();
    await untilState(stack, next, 'succeeded');
    const [mine, its] = [executionsOf(server, jobId)[0], executionsOf(server, next)[0]];
    expect(mine?.outcome).toBe('interrupted');
    expect(Date.parse(String(mine?.endedAt))).toBeLessThanOrEqual(
      Date.parse(String(its?.startedAt)),
    );
    await until('its room is free', async () => (await leasesOf(stack, jobId)).length === 0);
  });
});
