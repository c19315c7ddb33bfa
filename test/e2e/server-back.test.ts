/** What a server has that comes back after its attempt was given up (longer away than SERVER_LOST_AFTER). */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promptIdFor } from '../../src/activities/prompt-id.ts';
import { startSimulator, type Simulator } from '../../src/executors/simulator/server.ts';
import {
  executionsOf,
  leasesOf,
  postPicture,
  promptsOn,
  untilDrawing,
  untilGivenUp,
  untilState,
} from '../support/jobs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

let stack: TestStack;
let proxy: TcpProxy;
let api: { readonly url: string };
beforeAll(async () => {
  stack = await startTestStack({ role: 'none', simulator: { stepMs: 400 } });
  proxy = await startTcpProxy(new URL(stack.simulator.url));
  const { url = '' } = await stack.serve('monolith', {
    COMFY_HTTP_URL: `http://127.0.0.1:${proxy.port}`,
    COMFY_WS_URL: `ws://127.0.0.1:${proxy.port}/ws`,
    SERVER_LOST_AFTER_SECONDS: '2',
  });
  api = { url };
});
afterAll(async () => {
  await stack.stop();
  await proxy.close();
});

const reachable = (count: number): Promise<unknown> =>
  until(
    `${count} servers answer`,
    async () => (await stack.sql`select from servers where reachable`).count === count,
    60_000,
  );

/** Draws on the server behind the proxy, which is cut off, given up and through with the picture when this resolves. */
const drawnOutOfSight = async (): Promise<{ jobId: string; promptId: string }> => {
  const jobId = await postPicture(api, 10);
  const promptId = await untilDrawing(stack, jobId);
  await proxy.cut();
  await untilGivenUp(stack, promptId);
  await until('the picture is drawn', () =>
    executionsOf(stack.simulator, jobId).some(({ outcome }) => outcome === 'success'),
  );
  return { jobId, promptId };
};
const expectPicture = async (jobId: string): Promise<void> => {
  const row = await untilState(stack, jobId, 'succeeded');
  expect(row.outputs).toHaveLength(1);
  const status = await fetch(`${api.url}/v1/consumer/jobs/${jobId}`);
  const { result } = (await status.json()) as { result: { blobUrl: string } };
  const picture = await fetch(result.blobUrl);
  expect({ status: picture.status, type: picture.headers.get('content-type') }).toEqual({
    status: 200,
    type: 'image/png',
  });
  await until('no lease is left', async () => (await leasesOf(stack, jobId)).length === 0);
};

describe('a server that is back after it was given up', () => {
  it('hands over the picture it finished meanwhile, which is not drawn again', async () => {
    await reachable(1);
    const { jobId } = await drawnOutOfSight();
    await proxy.restore();
    await expectPicture(jobId);
    expect(executionsOf(stack.simulator, jobId)).toHaveLength(1);
  });

  it('hands it over while another server draws it again, which is stopped', async () => {
    await reachable(1);
    const other: Simulator = await startSimulator({
      port: 0,
      dataDir: join(stack.dir, 'other'),
      // Much slower than the one that comes back.
      stepMs: 8_000,
    });
    try {
      const { jobId, promptId } = await drawnOutOfSight();
      await stack.serve('worker-gpu', {
        COMFY_HTTP_URL: other.url,
        COMFY_WS_URL: other.wsUrl,
        COMFY_SERVER_ID: 'other',
      });
      const second = promptIdFor(jobId, 1, 2);
      await until('the other draws', async () =>
        (await promptsOn(other.url)).running.includes(second),
      );
      await proxy.restore();
      await expectPicture(jobId);
      expect(executionsOf(stack.simulator, jobId).map((one) => one.promptId)).toEqual([promptId]);
      await until('the other is free', async () => {
        const { running, pending } = await promptsOn(other.url);
        return running.length + pending.length === 0;
      });
      expect(executionsOf(other, jobId).map(({ outcome }) => outcome)).toEqual(['interrupted']);
    } finally {
      await other.close();
    }
  });
});
