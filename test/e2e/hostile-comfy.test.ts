/** A ComfyUI that is broken, replaced or malicious, in front of a running stack. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promptIdFor } from '../../src/activities/prompt-id.ts';
import {
  bytes,
  endless,
  html,
  HOSTILE_FRAMES,
  pngHeader,
  redirect,
  text,
  type Answer,
} from '../support/hostile-answers.ts';
import { postPicture, rowOf, untilDrawing, untilState } from '../support/jobs.ts';
import { startReverseProxy, type ReverseProxy } from '../support/reverse-proxy.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { startRoleProcess, type RoleProcess } from '../support/worker-process.ts';

const SECRET = 'Bearer of-this-server-only';
const PATIENCE_MS = 90_000;

let stack: TestStack;
let proxy: ReverseProxy;
let worker: RoleProcess;
let elsewhere: Server;
let elsewhereUrl: string;
/** Authorization headers that the other origin was shown. */
const leaked: (string | undefined)[] = [];
/** How the calls begin that are answered with malice now. */
let malice: { readonly call: string; readonly answer: Answer } | undefined;

beforeAll(async () => {
  elsewhere = createServer((incoming, response) => {
    leaked.push(incoming.headers.authorization);
    response.end('{}');
  });
  await new Promise<void>((done) => elsewhere.listen(0, '127.0.0.1', done));
  elsewhereUrl = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/caught`;
  stack = await startTestStack({
    role: 'none',
    simulator: { stepMs: 50 },
    env: {
      JOB_MAX_ATTEMPTS: '1',
      SERVER_LOST_AFTER_SECONDS: '3',
      MAX_OUTPUT_BYTES: '1000000',
      COMFY_LISTS_SECONDS: '1',
      COMFY_HEADERS: JSON.stringify({ authorization: SECRET }),
    },
  });
  proxy = await startReverseProxy({
    target: stack.simulator.url,
    demands: { header: 'authorization', value: SECRET },
    intercept: (incoming, response) => {
      const call = `${incoming.method} ${incoming.url}`;
      if (!malice || !call.startsWith(malice.call)) return false;
      incoming.resume();
      malice.answer(incoming, response);
      return true;
    },
  });
  const api = await stack.serve('api');
  stack = { ...stack, url: String(api.url) };
  worker = await startRoleProcess('worker', {
    ...stack.env,
    COMFY_HTTP_URL: proxy.url,
    COMFY_WS_URL: `${proxy.url.replace('http', 'ws')}/ws`,
  });
});
afterAll(async () => {
  await worker.kill();
  await stack.stop();
  await proxy.close();
  elsewhere.closeAllConnections();
  await new Promise((done) => elsewhere.close(done));
});

const untilServer = (reachable: boolean): Promise<string | null> =>
  until(
    `the server is ${reachable ? 'up' : 'down'}`,
    async () => {
      const [server] = await stack.sql<{ reachable: boolean; error: string | null }[]>`
        select reachable, error from servers`;
      return server?.reachable === reachable && (server.error ?? '');
    },
    PATIENCE_MS,
  );

/** The same worker process draws the next job once the server behaves. */
async function expectRecovery(): Promise<void> {
  malice = undefined;
  expect(worker.isRunning()).toBe(true);
  await untilServer(true);
  const next = await postPicture(stack);
  await untilState(stack, next, 'succeeded', PATIENCE_MS);
  expect(worker.isRunning()).toBe(true);
  expect(leaked).toEqual([]);
}

const historyNaming =
  (filename: string, subfolder: string): Answer =>
  (incoming, response) => {
    const promptId = String(incoming.url).split('/').at(-1) ?? '';
    const images = [{ filename, subfolder, type: 'output' }];
    const status = { status_str: 'success', completed: true, messages: [] };
    response.end(
      JSON.stringify({ [promptId]: { prompt: [], outputs: { '9': { images } }, status } }),
    );
  };

describe('a job fails clearly, and the next one is drawn, when the server', () => {
  it.each<[string, string, () => Answer, RegExp]>([
    ['is a login page at POST /prompt', 'POST /prompt', () => html, /no prompt_id/],
    [
      'redirects POST /prompt elsewhere',
      'POST /prompt',
      () => redirect(elsewhereUrl),
      /answered 307/,
    ],
    ['cuts the JSON of its history', 'GET /history', () => text('{"a": {"outp'), /no JSON/],
    [
      'sends gigabytes of history',
      'GET /history',
      () => endless('{"a":"', 'x'),
      /more than 33554432 bytes/,
    ],
    [
      'cuts the JSON of its queue',
      'GET /queue',
      () => text('{"queue_running": [['),
      /no complete JSON/,
    ],
    [
      'names an output above its folder',
      'GET /history',
      () => historyNaming('a.png', '../..'),
      /leads out/,
    ],
    [
      'names an output by its whole path',
      'GET /history',
      () => historyNaming('/etc/passwd', ''),
      /leads out/,
    ],
    [
      'redirects to an output elsewhere',
      'GET /view?filename=r1',
      () => redirect(elsewhereUrl),
      /redirect/,
    ],
    [
      'sends a page in place of a picture',
      'GET /view?filename=r1',
      () => html,
      /no picture, video/,
    ],
    [
      'sends gigabytes of a picture',
      'GET /view?filename=r1',
      () => endless('\x89PNG', 'x'),
      /more than 1000000 bytes/,
    ],
    [
      'sends a picture of 4 billion pixels a side',
      'GET /view?filename=r1',
      () => bytes(pngHeader(2 ** 32 - 1, 2 ** 32 - 1)),
      /4294967295 × 4294967295 pixels/,
    ],
  ])(
    '%s',
    async (_, call, answer, message) => {
      malice = { call, answer: answer() };
      const jobId = await postPicture(stack);
      const { failure } = await untilState(stack, jobId, 'failed', PATIENCE_MS);
      expect(failure?.code).toBe('attempts_exhausted');
      // The time for all tries of submit may end within one of them.
      expect(failure?.message).toMatch(new RegExp(`${message.source}|submit timed out`));
      expect(await stack.sql`select from blobs where job_id = ${jobId}`).toHaveLength(0);
      await expectRecovery();
    },
    240_000,
  );
});

describe('the server is shown as down, and comes back, when', () => {
  it.each<[string, string, () => Answer, RegExp]>([
    ['it is a login page', 'GET /', () => html, /no JSON/],
    [
      'it sends gigabytes about itself',
      'GET /system_stats',
      () => endless('{"a":"', 'x'),
      /more than 8388608 bytes/,
    ],
    [
      'it lists a model without end',
      'GET /models/loras',
      () => endless('["', 'x'),
      /more than 8388608 bytes/,
    ],
  ])(
    '%s',
    async (_, call, answer, message) => {
      malice = { call, answer: answer() };
      expect(await untilServer(false)).toMatch(message);
      await expectRecovery();
    },
    240_000,
  );
});

describe('its WebSocket', () => {
  it('sends frames that are malformed or huge: the job is drawn all the same', async () => {
    const jobId = await postPicture(stack, 40);
    await untilDrawing(stack, jobId);
    const handshakes = () => proxy.log.filter(({ method }) => method === 'UPGRADE').length;
    for (const [what, hostile, ends] of HOSTILE_FRAMES) {
      const before = handshakes();
      await until(`a socket gets ${what}`, () => proxy.inject(hostile) > 0, PATIENCE_MS);
      if (ends) await until('there is another socket', () => handshakes() > before, PATIENCE_MS);
    }
    await untilState(stack, jobId, 'succeeded', 2 * PATIENCE_MS);
    expect((await rowOf(stack, jobId)).attempt).toBe(1);
    expect(
      stack.simulator.executions().filter(({ promptId }) => promptId === promptIdFor(jobId, 1, 1)),
    ).toHaveLength(1);
    await expectRecovery();
  }, 240_000);
});
