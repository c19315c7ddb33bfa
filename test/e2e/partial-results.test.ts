/** What is kept of work of which only a part succeeds. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobStatus } from '../../src/contract/v1/job-status.ts';
import { executionsOf, pictureRequest, postJobs, untilState } from '../support/jobs.ts';
import { startReverseProxy, type ReverseProxy } from '../support/reverse-proxy.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

let stack: TestStack;
let proxy: ReverseProxy;
let url: string;
let addsOutputs = false;

/** Gives the graph two further output nodes, of which the last cannot be drawn. */
const withMoreOutputs = (body: Record<string, unknown>): unknown => {
  if (!addsOutputs) return body;
  const graph = body['prompt'] as Record<string, { inputs: Record<string, unknown> }>;
  const images = graph['save']?.inputs['images'];
  const prefix = String(graph['save']?.inputs['filename_prefix']);
  return {
    ...body,
    prompt: {
      ...graph,
      second: { class_type: 'SaveImage', inputs: { images, filename_prefix: `${prefix}-second` } },
      inverted: { class_type: 'ImageInvert', inputs: { image: images } },
      broken: {
        class_type: 'SaveImage',
        inputs: { images: ['inverted', 0], filename_prefix: `${prefix}-broken` },
      },
    },
  };
};

beforeAll(async () => {
  stack = await startTestStack({ role: 'none' });
  proxy = await startReverseProxy({
    target: stack.simulator.url,
    rewriteRequest: { '/prompt': withMoreOutputs },
  });
  const serving = await stack.serve('monolith', {
    COMFY_HTTP_URL: proxy.url,
    COMFY_WS_URL: `${proxy.url.replace('http', 'ws')}/ws`,
  });
  url = serving.url ?? '';
});
afterAll(async () => {
  await stack.stop();
  await proxy.close();
});

describe('of a graph with several output nodes', () => {
  it('the files written before one fails are kept and shown with the failure', async () => {
    addsOutputs = true;
    stack.simulator.fault({ kind: 'fail-node', nodeId: 'broken', message: 'no luck' });
    const { jobIds } = await postJobs(url, pictureRequest());
    const [jobId = ''] = jobIds;
    const row = await untilState(stack, jobId, 'failed');
    addsOutputs = false;
    expect(row.failure).toMatchObject({ code: 'execution_failed' });
    expect(row.failure?.message).toContain('Node broken (SaveImage)');
    const response = await fetch(`${url}/v1/consumer/jobs/${jobId}`);
    const { result, lastEvent } = (await response.json()) as JobStatus;
    expect(lastEvent).toMatchObject({
      type: 'Failed',
      context: { error_code: 'execution_failed' },
    });
    const slots = Array.isArray(result) ? result : [result];
    expect(slots).toHaveLength(2);
    for (const { available, blobUrl } of slots) {
      expect(available).toBe(true);
      const picture = await fetch(blobUrl ?? '');
      expect(picture.headers.get('content-type')).toBe('image/png');
    }
    expect(executionsOf(stack.simulator, jobId)).toHaveLength(1);
  });
});

describe('of a batch', () => {
  it('each job stands alone', async () => {
    stack.simulator.fault({ kind: 'fail-node', classType: 'KSampler' });
    const { jobIds, token } = await postJobs(url, {
      jobs: [pictureRequest(), pictureRequest(), pictureRequest()],
    });
    const waited = await fetch(`${url}/v1/consumer/jobs?wait=true&token=${token}`);
    const { jobs } = (await waited.json()) as { jobs: JobStatus[] };
    expect(jobs.map(({ jobId }) => jobId)).toEqual(jobIds);
    expect(jobs.map(({ lastEvent }) => lastEvent.type).sort()).toEqual([
      'Failed',
      'Succeeded',
      'Succeeded',
    ]);
  });
});
