import { createServer, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlobSlot, JobStatus, JobStatusCollection } from '../../src/contract/v1/job-status.ts';
import { createJobClient, type JobClient } from '../support/job-client.ts';
import { postPicture, untilState } from '../support/jobs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const PATIENCE_MS = 60_000;

interface Received {
  readonly method: string;
  readonly path: string;
  readonly type: string | undefined;
  readonly body: Buffer;
}

/** A machine that takes files by PUT. */
async function startReceiver(): Promise<{ server: Server; url: string; received: Received[] }> {
  const received: Received[] = [];
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
      response.writeHead(request.url === '/busy' ? 503 : 201).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

describe('jobs that need no server', () => {
  let stack: TestStack;
  let jobs: JobClient;
  let receiver: Awaited<ReturnType<typeof startReceiver>>;

  const post = async (body: unknown, query = '?wait=true'): Promise<JobStatus> => {
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
  const slotOf = ({ result }: JobStatus): BlobSlot => {
    if (Array.isArray(result)) throw new Error(`one slot was expected: ${JSON.stringify(result)}`);
    return result;
  };
  const bytesOf = async (url = ''): Promise<Buffer> => {
    const response = await fetch(url);
    expect(response.status).toBe(200);
    return Buffer.from(await response.arrayBuffer());
  };
  const drawn = async (): Promise<JobStatus> => {
    const id = await postPicture(stack);
    await untilState(stack, id, 'succeeded', PATIENCE_MS);
    return jobs.read(id);
  };

  beforeAll(async () => {
    receiver = await startReceiver();
    stack = await startTestStack({ env: { OUTGOING_ALLOW: '127.0.0.0/8' } });
    jobs = createJobClient(stack);
    await until('the server is known', async () => {
      const rows = await stack.sql`select from servers where reachable`;
      return rows.count > 0;
    });
  });
  afterAll(async () => {
    await stack.stop();
    receiver.server.closeAllConnections();
    receiver.server.close();
  });

  it('give a link that ends when it was asked to', async () => {
    const { blobKey, blobUrl } = slotOf(await drawn());
    const job = await post({ $type: 'blobGet', key: blobKey, duration: '00:10:00' });
    expect(job).toMatchObject({ cost: 0, scheduled: false, lastEvent: { type: 'Succeeded' } });
    const slot = slotOf(job);
    expect(slot).toMatchObject({ blobKey, available: true });
    const ahead = Date.parse(slot.blobUrlExpirationDate ?? '') - Date.now();
    expect(ahead).toBeGreaterThan(0);
    expect(ahead).toBeLessThanOrEqual(600_000);
    expect(await bytesOf(slot.blobUrl)).toEqual(await bytesOf(blobUrl));
    const events = await jobs.eventsEnd(job.jobId, 'Succeeded');
    expect(events.map(({ type }) => type)).toEqual([
      'Initialized',
      'Claimed',
      'Updated',
      'Succeeded',
    ]);
  });
});
