import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promptIdFor } from '../../src/activities/prompt-id.ts';
import type { Graph } from '../../src/domain/graphs/graph.ts';
import { pictureRequest } from '../support/jobs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

const folder = new URL('../../assets/requests/', import.meta.url);
const examples = (await readdir(folder)).filter((name) => name.startsWith('text-to-image-')).sort();

interface Finished {
  readonly jobs: readonly {
    readonly jobId: string;
    readonly result: { readonly blobUrl: string; readonly seed: number };
  }[];
}

describe('requests, from POST to picture', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startTestStack();
  });
  afterAll(() => stack.stop());

  const postAndWait = async (body: string): Promise<string> => {
    const response = await fetch(`${stack.url}/v1/consumer/jobs?wait=true`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    const text = await response.text();
    expect(response.status, text).toBe(200);
    return text;
  };

  const draw = async (body: string) => {
    const text = await postAndWait(body);
    const [job] = (JSON.parse(text) as Finished).jobs;
    if (!job) throw new Error(`no job in ${text}`);
    const picture = Buffer.from(await (await fetch(job.result.blobUrl)).arrayBuffer());
    return {
      size: [picture.readUInt32BE(16), picture.readUInt32BE(20)],
      seed: job.result.seed,
      graph: await sentGraph(job.jobId),
    };
  };

  /** As the server got it. */
  const sentGraph = async (jobId: string): Promise<Graph> => {
    const promptId = promptIdFor(jobId, 1, 1);
    const history = (await (await fetch(`${stack.simulator.url}/history/${promptId}`)).json()) as {
      [id: string]: { readonly prompt: readonly [number, string, Graph] };
    };
    return history[promptId]?.prompt[2] ?? {};
  };

  it('comfy.json becomes its two pictures', async () => {
    const text = await postAndWait(await readFile(new URL('comfy.json', folder), 'utf8'));
    const { jobs } = JSON.parse(text) as { jobs: readonly { result: { available: boolean }[] }[] };
    expect(jobs[0]?.result.map(({ available }) => available)).toEqual([true, true]);
  });

  it.each(examples)('%s becomes a picture of its size and seed', async (name) => {
    const body = await readFile(new URL(name, folder), 'utf8');
    const { params } = JSON.parse(body) as {
      params: { width: number; height: number; seed: number };
    };
    const { size, seed, graph } = await draw(body);
    expect(size).toEqual([params.width, params.height]);
    if (params.seed !== -1) expect(seed).toBe(params.seed);
    expect(graph['sampler']?.inputs['seed']).toBe(seed);
  });

  it.each([
    'שלום עולם, גשר בלילה',
    'مدينة على البحر \u202Eعند\u202C الغروب',
    '夜の港 👩‍🚀 e\u0301 \u00e9 \\(x\\) ((y:1.2',
  ])('%s reaches the server as it was sent', async (prompt) => {
    const request = pictureRequest(2, {
      params: { prompt, width: 64, height: 64, steps: 2, seed: 5 },
    });
    const { graph } = await draw(JSON.stringify(request));
    expect(graph['positive']?.inputs['text']).toBe(prompt);
  });
});
