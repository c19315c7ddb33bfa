import { createServer, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobStatus, JobStatusCollection } from '../../src/contract/v1/job-status.ts';
import type { BlobSlot } from '../../src/contract/v1/blob-slot.ts';
import type { TimelineEntry } from '../../src/domain/job.ts';
import { createJobClient } from '../support/job-client.ts';
import { postPicture, untilState } from '../support/jobs.ts';
import { untilServerKnown } from '../support/server-known.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { startRoleProcess, type RoleProcess } from '../support/worker-process.ts';

const SD1 = 'urn:air:sd1:checkpoint:civitai:4384@128713';
const PATIENCE_MS = 60_000;

interface Received {
  readonly method: string;
  readonly path: string;
  readonly type: string | undefined;
  readonly body: Buffer;
}

/** A machine that takes files by PUT. */
async function startReceiver() {
  const received: Received[] = [];
  let isStalled = true;
  const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      received.push({
        ...{ method: request.method ?? '', path: request.url ?? '', body },
        type: request.headers['content-type'],
      });
      if (isStalled && request.url === '/stalls') return;
      response.writeHead(request.url === '/busy' ? 503 : 201).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    at: (path: string): readonly Received[] => received.filter((one) => one.path === path),
    /** What comes to `/stalls` gets an answer from now on. */
    goOn: () => void (isStalled = false),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const slotOf = ({ result, ...status }: JobStatus): BlobSlot => {
  if (!Array.isArray(result)) return result;
  throw new Error(`one slot was expected: ${JSON.stringify({ result, ...status })}`);
};

/** What a test does with one stack. */
function createCalls(stack: TestStack) {
  const jobs = createJobClient(stack);
  const submit = async (body: unknown, query = ''): Promise<JobStatus> => {
    const response = await fetch(`${stack.url}/v1/consumer/jobs${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${response.status} ${text}`);
    const [job] = (JSON.parse(text) as JobStatusCollection).jobs;
    if (!job) throw new Error(text);
    return job;
  };
  return {
    jobs,
    submit,
    /** Submits one job and waits for its end. */
    done: async (body: unknown): Promise<JobStatus> => {
      const { jobId } = await submit(body);
      return until(
        `job ${jobId} ends`,
        async () => {
          const status = await jobs.read(jobId);
          return status.lastEvent.jobHasCompleted && status;
        },
        PATIENCE_MS,
      );
    },
    /** A picture, and its bytes. */
    async drawn(): Promise<{ jobId: string; blobKey: string; bytes: Buffer }> {
      const jobId = await postPicture(stack);
      await untilState(stack, jobId, 'succeeded', PATIENCE_MS);
      const { blobKey, blobUrl } = slotOf(await jobs.read(jobId));
      return { jobId, blobKey, bytes: await bytesOf(blobUrl) };
    },
  };
}

const bytesOf = async (url = ''): Promise<Buffer> => {
  const response = await fetch(url);
  expect(response.status, await response.clone().text()).toBe(200);
  return Buffer.from(await response.arrayBuffer());
};

describe('jobs that need no server', () => {
  let stack: TestStack;
  let calls: ReturnType<typeof createCalls>;
  let receiver: Awaited<ReturnType<typeof startReceiver>>;

  beforeAll(async () => {
    receiver = await startReceiver();
    stack = await startTestStack({ env: { OUTGOING_ALLOW: '127.0.0.0/8' } });
    calls = createCalls(stack);
    await untilServerKnown(stack);
  });
  afterAll(async () => {
    await stack.stop();
    receiver.close();
  });

  it('give a link that ends when it was asked to, and tell their events', async () => {
    const { blobKey, bytes } = await calls.drawn();
    const job = await calls.done({ $type: 'blobGet', key: blobKey, duration: '00:10:00' });
    expect(job).toMatchObject({ cost: 0, scheduled: false, lastEvent: { type: 'Succeeded' } });
    const slot = slotOf(job);
    expect(slot).toMatchObject({ blobKey, available: true, width: 64 });
    const ahead = Date.parse(slot.blobUrlExpirationDate ?? '') - Date.now();
    expect(ahead).toBeGreaterThan(0);
    expect(ahead).toBeLessThanOrEqual(600_000);
    expect(await bytesOf(slot.blobUrl)).toEqual(bytes);
    const events = await calls.jobs.eventsEnd(job.jobId, 'Succeeded');
    expect(events.map(({ type }) => type)).toEqual([
      'Initialized',
      'Claimed',
      'Updated',
      'Succeeded',
    ]);
  });

  it('take a file under a name of its own, which other jobs may use, and replace it only when told to', async () => {
    const { bytes } = await calls.drawn();
    const upload = { $type: 'blobUpload', key: 'my fox.png' };
    const job = await calls.done(upload);
    const slot = slotOf(job);
    expect(slot).toMatchObject({ blobKey: 'my fox.png', available: false });
    const put = await fetch(slot.blobUploadUrl ?? '', {
      method: 'PUT',
      headers: { 'content-type': 'image/png' },
      body: new Uint8Array(bytes),
    });
    expect(put.status, await put.clone().text()).toBe(201);
    const uploaded = slotOf(await calls.jobs.read(job.jobId));
    expect(uploaded).toMatchObject({ blobKey: 'my fox.png', available: true });
    expect(await bytesOf(uploaded.blobUrl)).toEqual(bytes);
    const edges = { $type: 'imageTransform', blobKey: 'my fox.png', transformer: 'Canny' };
    expect(slotOf(await calls.done(edges))).toMatchObject({ available: true });

    expect(await calls.done(upload)).toMatchObject({
      lastEvent: { type: 'Failed', context: { error_code: 'conflict' } },
    });
    const second = slotOf(await calls.done({ ...upload, replace: true }));
    const other = { method: 'PUT', body: 'other bytes' };
    expect((await fetch(second.blobUploadUrl ?? '', other)).status).toBe(201);
    const got = slotOf(await calls.done({ $type: 'GetBlobRequest', key: 'my fox.png' }));
    expect((await bytesOf(got.blobUrl)).toString()).toBe('other bytes');

    const wrong = (second.blobUploadUrl ?? '').replace(/sig=[^&]{4}/, 'sig=AAAA');
    expect((await fetch(wrong, other)).status).toBe(403);
  });

  it('are refused at once for what is not there, and for unknown types', async () => {
    const nobody = '00000000-0000-4000-8000-000000000000';
    await expect(calls.submit({ $type: 'blobPin', key: 'nothing.png' })).rejects.toThrow(
      /^400 .*no stored file of yours/,
    );
    await expect(calls.submit({ $type: 'clearAssets', jobId: nobody })).rejects.toThrow(
      `there is no job ${nobody}`,
    );
    await expect(calls.submit({ $type: 'audioCaptioning', params: {} })).rejects.toThrow(
      /^400 .*unsupported_job_type.*blobGet/,
    );
  });

  it('keep a pinned file, delete another, and say so wherever it is shown', async () => {
    const { jobId, blobKey } = await calls.drawn();
    await calls.done({ $type: 'blobPin', key: blobKey });
    const endOf = async (): Promise<string | undefined> => {
      const [row] = await stack.sql<{ end: string }[]>`
        select expires_at::text as end from blobs where id = ${blobKey}`;
      return row?.end;
    };
    expect(await endOf()).toBe('infinity');
    await calls.done({ $type: 'blobUnpin', key: blobKey });
    expect(await endOf()).not.toBe('infinity');

    const shown = await calls.done({ $type: 'blobGet', key: blobKey });
    const link = slotOf(shown).blobUrl ?? '';
    const deleted = await calls.done({ $type: 'blobDelete', key: blobKey });
    for (const job of [deleted, ...(await Promise.all([jobId, shown.jobId].map(calls.jobs.read)))])
      expect(slotOf(job)).toMatchObject({ blobKey, available: false });
    expect((await fetch(link)).status).toBe(404);
  });

  it('copy an output to another machine or under a name here, and clear what a job made', async () => {
    const { jobId, bytes } = await calls.drawn();
    const copy = { $type: 'copyAsset', jobId, assetName: '0' };
    await calls.done({ ...copy, destinationUri: `${receiver.url}/copied?secret=1` });
    expect(receiver.at('/copied?secret=1')).toEqual([
      { method: 'PUT', path: '/copied?secret=1', type: 'image/png', body: bytes },
    ]);
    const named = slotOf(await calls.done({ ...copy, destinationUri: 'blob:the fox' }));
    expect(named).toMatchObject({ blobKey: 'the fox', available: true });

    const cleared = await calls.done({ $type: 'clearAssets', jobId });
    expect(slotOf(cleared)).toMatchObject({ available: false });
    expect(slotOf(await calls.jobs.read(jobId))).toMatchObject({ available: false });
    expect(await bytesOf(named.blobUrl)).toEqual(bytes);
    expect(await calls.done({ ...copy, destinationUri: 'blob:again' })).toMatchObject({
      lastEvent: { type: 'Failed', context: { error_code: 'not_found' } },
    });
  });

  it('give a receiver that refuses as many attempts as they were told to', async () => {
    const { jobId } = await calls.drawn();
    const destinationUri = `${receiver.url}/busy`;
    const job = await calls.done({ $type: 'copyAsset', jobId, destinationUri, retries: 1 });
    expect(job.lastEvent).toMatchObject({
      type: 'Failed',
      context: { error_code: 'attempts_exhausted' },
    });
    expect(receiver.at('/busy')).toHaveLength(2);
    const [row] = await stack.sql`select failure from jobs where id = ${job.jobId}`;
    expect(row?.['failure'].message).toContain(`PUT ${receiver.url} answered 503`);
  });

  it('say which servers have a model, or have one load it', async () => {
    const upload = await calls.done({ $type: 'prepareModel', model: SD1, action: 'Upload' });
    expect(upload.lastEvent).toMatchObject({ type: 'Succeeded', context: { servers: ['local'] } });
    const pin = await calls.done({ $type: 'prepareModel', model: SD1, action: 'Pin' });
    expect(pin.lastEvent.type).toBe('Succeeded');
    const [server] = await stack.sql`select warm_model from servers`;
    expect(server?.['warmModel']).toBe(SD1);
  });
});

describe('a copy', () => {
  let stack: TestStack;
  let calls: ReturnType<typeof createCalls>;
  let receiver: Awaited<ReturnType<typeof startReceiver>>;
  const workers: RoleProcess[] = [];
  const startWorker = async (role: string, killAt?: string): Promise<RoleProcess> => {
    const tampering = killAt === undefined ? {} : { killAt };
    const worker = await startRoleProcess(role, stack.env, undefined, tampering);
    workers.push(worker);
    return worker;
  };

  beforeAll(async () => {
    receiver = await startReceiver();
    stack = await startTestStack({ role: 'api', env: { OUTGOING_ALLOW: '127.0.0.0/8' } });
    calls = createCalls(stack);
    await startWorker('worker-gpu');
  });
  afterAll(async () => {
    for (const worker of workers) await worker.kill();
    await stack.stop();
    receiver.close();
  });

  it('is made whole by the next cpu worker when one is killed as the receiver answers, and while it does not', async () => {
    const first = await startWorker('worker-cpu', 'answered:PUT /kept');
    const { jobId, bytes } = await calls.drawn();
    const copyTo = (path: string) =>
      calls.submit({ $type: 'copyAsset', jobId, destinationUri: `${receiver.url}${path}` });
    const kept = await copyTo('/kept');
    await first.ended;
    expect(receiver.at('/kept')).toHaveLength(1);
    const second = await startWorker('worker-cpu');
    expect(slotOf(await calls.jobs.ends(kept.jobId, 'Succeeded'))).toMatchObject({
      available: true,
    });
    expect(receiver.at('/kept').map(({ body }) => body)).toEqual([bytes, bytes]);

    const stalled = await copyTo('/stalls');
    await until('it is sent', async () => receiver.at('/stalls').length > 0);
    await second.kill();
    receiver.goOn();
    await startWorker('worker-cpu');
    await calls.jobs.ends(stalled.jobId, 'Succeeded');
    expect(receiver.at('/stalls').map(({ body }) => body)).toEqual([bytes, bytes]);
  });

  it('cannot be held, and says so; cancelled while the receiver does not answer it is given up', async () => {
    const silent = await startReceiver();
    const { jobId } = await calls.drawn();
    const destinationUri = `${silent.url}/stalls`;
    const copy = await calls.submit({ $type: 'copyAsset', jobId, destinationUri });
    await until('it is sent', async () => silent.at('/stalls').length > 0);
    const run = stack.client.workflow.getHandle(`job-${copy.jobId}`);
    await run.signal('hold');
    await until('the hold is answered', async () => {
      const timeline = await run.query<readonly TimelineEntry[]>('timeline');
      return timeline.some(({ text }) => text.startsWith('not held: this job needs no server'));
    });
    expect(await run.query('status')).toMatchObject({ stage: 'claim', held: false });
    await calls.jobs.cancel(copy.jobId);
    await calls.jobs.ends(copy.jobId, 'Deleted');
    silent.close();
  });
});
