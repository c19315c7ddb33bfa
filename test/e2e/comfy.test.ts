/** Graphs of the client's own, and jobs with input files, from the request to the files. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectFile } from '../../src/activities/output-inspector.ts';
import type { JobStatus } from '../../src/contract/v1/job-status.ts';
import type { Graph } from '../../src/domain/graphs/graph.ts';
import { encodePng } from '../../src/executors/simulator/picture/encode-png.ts';
import { createBitmap } from '../../src/executors/simulator/picture/bitmap.ts';
import { manyMedia, namedNodes, twoPasses } from '../fixtures/comfy-graphs.ts';
import { pictureRequest } from '../support/jobs.ts';
import { fetchSlot, graphJob, runJob, slotsOf } from '../support/run-job.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

let stack: TestStack;
let files: Server;
let filesUrl: string;
let picture: Buffer;
const asked: string[] = [];

beforeAll(async () => {
  picture = Buffer.from(await encodePng(createBitmap(48, 32, [200, 30, 90]), {}));
  files = createServer((request, response) => {
    asked.push(request.url ?? '');
    if (request.url === '/a.png') response.end(picture);
    else if (request.url === '/page') response.end('<html>no picture</html>');
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve));
  filesUrl = `http://127.0.0.1:${(files.address() as AddressInfo).port}`;
  stack = await startTestStack({ env: { OUTGOING_ALLOW: '127.0.0.1' } });
});
afterAll(async () => {
  await stack.stop();
  files.close();
});

const runGraph = (workflow: Graph): Promise<JobStatus> => runJob(stack.url, graphJob(workflow));

/** The graph that the server was sent. */
async function sentGraph(jobId: string): Promise<Graph> {
  const [row] = await stack.sql<{ promptRequest: string }[]>`
    select prompt_request from jobs where id = ${jobId}`;
  return JSON.parse(row?.promptRequest ?? '{}') as Graph;
}

describe('a graph of the client', () => {
  it('in the shape of the JavaScript SDK draws with the file of its model', async () => {
    const job = await runGraph(twoPasses());
    const [only, ...others] = slotsOf(job);
    expect(others).toEqual([]);
    expect(job.result).not.toBeInstanceOf(Array);
    expect(only).toMatchObject({ name: 'ComfyUI_00001_.png', nodeId: '19', width: 64, height: 64 });
    const sent = await sentGraph(job.jobId);
    expect(sent['4']?.inputs['ckpt_name']).toBe('sdxl/civitai/112902/126688.safetensors');
    expect(sent['19']?.inputs['filename_prefix']).toBe(`orchestrator/${job.jobId}/r1a1/ComfyUI`);
  });

  it('as the live service sends it gives its picture, although its last node keeps none', async () => {
    const [slot] = slotsOf(await runGraph(namedNodes()));
    expect(slot).toMatchObject({ nodeId: 'SaveImageWebsocket', width: 64, height: 96 });
  });

  it('gives every file of every output node, of whatever kind, in the order of the graph', async () => {
    const job = await runGraph(manyMedia());
    const slots = slotsOf(job);
    expect(
      slots.map(({ nodeId, name }) => [nodeId, name?.replace(/_temp_\w+?_/, '_temp_')]),
    ).toEqual([
      ['z', 'clip_00001_.mp4'],
      ['b', 'still_00001_.png'],
      ['b', 'still_00002_.png'],
      ['b', 'still_00003_.png'],
      ['a', 'web_00001_.webm'],
      ...[1, 2, 3].map((n) => ['preview', `ComfyUI_temp_0000${n}_.png`]),
      ['c', 'lat_00001_.latent'],
    ]);
    const types = await Promise.all(
      slots.map(async ({ blobUrl }) => (await fetch(blobUrl ?? '')).headers.get('content-type')),
    );
    expect([...new Set(types)]).toEqual([
      'video/mp4',
      'image/png',
      'video/webm',
      'application/octet-stream',
    ]);
    const keys = slots.map(({ blobKey }) => blobKey.split('.').at(-1));
    expect([...new Set(keys)]).toEqual(['mp4', 'png', 'webm', 'latent']);
  });

  it('over 64 KB is drawn, and its text does not go through Temporal', async () => {
    const graph = twoPasses('@civitai/126688', 7);
    const text = `a lighthouse ${'and another one '.repeat(6_000)}`;
    const large = {
      ...graph,
      15: { class_type: 'CLIPTextEncode', inputs: { text, clip: ['4', 1] } },
    };
    const job = await runGraph(large);
    expect(slotsOf(job)).toHaveLength(1);
    const history = await stack.client.workflow.getHandle(`job-${job.jobId}`).fetchHistory();
    expect(JSON.stringify(history)).not.toContain('and another one');
  });

  it('that ends without a file fails and says so', async () => {
    const { lastEvent } = await runGraph({
      1: { class_type: 'EmptyImage', inputs: { width: 8, height: 8, batch_size: 1, color: 0 } },
      2: { class_type: 'PreviewAny', inputs: { source: ['1', 0] } },
    });
    expect(lastEvent).toMatchObject({ type: 'Failed', retryAttempt: 0 });
    expect(lastEvent.context['error_message']).toMatch(/ended without any file/);
  });
});

describe('input files', () => {
  const copy = (image: string): Graph => ({
    1: { class_type: 'LoadImage', inputs: { image } },
    2: { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'copy' } },
  });

  it('of a graph come by URL, and by the key of a file that another job made', async () => {
    const first = slotsOf(await runGraph(copy(`${filesUrl}/a.png`)));
    const [made] = first;
    if (!made) throw new Error('there is no copy');
    const bytes = await fetchSlot(made);
    expect(inspectFile('copy', bytes)).toMatchObject({ width: 48, height: 32 });
    const [second] = slotsOf(await runGraph(copy(made.blobKey)));
    expect(second).toMatchObject({ width: 48, height: 32 });
  });

  it('of ControlNets and transformations come the same way', async () => {
    asked.length = 0;
    const transformed = slotsOf(
      await runJob(stack.url, {
        ...{ $type: 'imageTransform', transformer: 'Canny', imageUrl: `${filesUrl}/a.png` },
      }),
    );
    expect(transformed).toMatchObject([{ width: 48, height: 32 }]);
    const controlled = await runJob(stack.url, {
      ...pictureRequest(2),
      controlNets: [
        ...[{ preprocessor: 'Canny', weight: 1, imageUrl: `${filesUrl}/a.png` }],
        ...[{ preprocessor: 'Canny', weight: 0.5, blobKey: transformed[0]?.blobKey }],
      ],
    });
    expect(slotsOf(controlled)).toHaveLength(1);
    const sent = Object.values(await sentGraph(controlled.jobId));
    const loaded = sent.filter(({ class_type: name }) => name === 'LoadImage');
    expect(loaded.map(({ inputs }) => String(inputs['image']).split('/').slice(0, 2))).toEqual([
      ['orchestrator', controlled.jobId],
      ['orchestrator', controlled.jobId],
    ]);
    // Once for each job.
    expect(asked).toEqual(['/a.png', '/a.png']);
  });

  it.each([
    ['/gone.png', 'input_unavailable', /answered 404/],
    ['/page', 'input_invalid', /no picture/],
  ])('that cannot be used end the job, which says why: %s', async (path, code, message) => {
    const { lastEvent } = await runGraph(copy(`${filesUrl}${path}`));
    expect(lastEvent).toMatchObject({ type: 'Failed', context: { error_code: code } });
    expect(lastEvent.context['error_message']).toMatch(message);
    const leases = await stack.sql`select from leases where job_id = ${lastEvent.jobId}`;
    expect(leases).toHaveLength(0);
  });
});
