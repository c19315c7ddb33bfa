import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postJobs, pictureRequest, untilState } from '../support/jobs.ts';
import { startReverseProxy, type ReverseProxy } from '../support/reverse-proxy.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const DEMANDS = { header: 'authorization', value: 'Bearer hunter2' };

describe('a stack whose ComfyUI stands behind a proxy with credentials', () => {
  let stack: TestStack;
  let proxy: ReverseProxy;
  let url: string;
  beforeAll(async () => {
    stack = await startTestStack({ role: 'none' });
    proxy = await startReverseProxy({
      target: stack.simulator.url,
      prefix: '/comfy',
      demands: DEMANDS,
    });
    const serving = await stack.serve('monolith', {
      COMFY_HTTP_URL: proxy.url,
      COMFY_WS_URL: '',
      COMFY_HEADERS: JSON.stringify({ [DEMANDS.header]: DEMANDS.value }),
    });
    url = serving.url ?? '';
  });
  afterAll(async () => {
    await stack.stop();
    await proxy.close();
  });

  it('draws, by HTTP and WebSocket, and shows the credentials nowhere', async () => {
    const posted = await postJobs(url, pictureRequest());
    expect(posted.status, posted.text).toBe(202);
    const [jobId = ''] = posted.jobIds;
    await untilState(stack, jobId, 'succeeded');
    await until('the WebSocket came through', () =>
      proxy.log.some(({ method, ok }) => method === 'UPGRADE' && ok),
    );
    expect(proxy.log.filter(({ ok }) => !ok)).toEqual([]);
    const shown = [
      await (await fetch(`${url}/v1/consumer/jobs/${jobId}/events`)).text(),
      await (await fetch(`${url}/ready`)).text(),
      JSON.stringify(await stack.sql`select * from servers`),
    ];
    expect(shown.join('\n')).not.toContain('hunter2');
  });
});
