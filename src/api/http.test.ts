/** What only a real server and real sockets show. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { Civitai, OpenAPI } from 'civitai';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { answerParserError } from './parser-errors.ts';
import {
  blobRecord,
  createTestApi,
  KEYS,
  PICTURE,
  SDXL,
  validJob,
  type TestApi,
} from './test-api.test-support.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function listen(api: TestApi): Promise<number> {
  const server = serve({ fetch: api.app.fetch, port: 0, hostname: '127.0.0.1' }) as Server;
  server.on('clientError', (error, socket) => answerParserError(error, socket, () => 'trace'));
  servers.push(server);
  if (!server.listening) await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function rawAnswer(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.end(text);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

const waitFor = (condition: () => boolean) => vi.waitFor(() => expect(condition()).toBe(true));

describe('over real HTTP', () => {
  it('answers 413 to a chunked body over the limit without reading all of it', async () => {
    const api = createTestApi({ MAX_BODY_BYTES: 10_000 });
    const port = await listen(api);
    const outgoing = httpRequest({
      port,
      host: '127.0.0.1',
      path: '/v1/consumer/jobs',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    outgoing.on('error', () => undefined);
    const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
    let sent = 0;
    const feed = (): void => {
      if (sent >= 50_000_000 || outgoing.destroyed) return;
      sent += 65_536;
      outgoing.write(Buffer.alloc(65_536, 32), feed);
    };
    feed();
    const [response] = await answered;
    expect(response.statusCode).toBe(413);
    expect(response.headers['content-type']).toBe('application/problem+json');
    expect(sent).toBeLessThan(50_000_000);
    outgoing.destroy();
    // The server is well: the next request works.
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
  });

  it('answers 413 to an announced body over the limit before it arrives', async () => {
    const port = await listen(createTestApi({ MAX_BODY_BYTES: 10_000 }));
    const answer = await rawAnswer(
      port,
      'POST /v1/consumer/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n{',
    );
    expect(answer).toContain('413 Payload Too Large');
  });

  it('stores nothing when a client hangs up in the middle of its body', async () => {
    const api = createTestApi();
    const port = await listen(api);
    const socket = connect(port, '127.0.0.1');
    const body = JSON.stringify(validJob());
    socket.write(
      `POST /v1/consumer/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 20)}`,
    );
    await once(socket, 'connect');
    socket.resetAndDestroy();
    await waitFor(() => api.logLines.some((line) => line.includes('POST /v1/consumer/jobs')));
    expect(api.orchestrator.rows.size).toBe(0);
    expect(api.logLines.join('\n')).not.toContain('request failed');
  });

  it('ends the wait of a client that hangs up', async () => {
    const api = createTestApi();
    let signal: AbortSignal | undefined;
    api.orchestrator.waitForJobs = async (_caller, _jobs, _timeoutMs, given) => {
      signal = given;
      await new Promise((resolve) => given?.addEventListener('abort', resolve));
      throw new Error('aborted');
    };
    const port = await listen(api);
    const client = new AbortController();
    const answer = fetch(`http://127.0.0.1:${port}/v1/consumer/jobs?wait=true`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(validJob()),
      signal: client.signal,
    });
    await waitFor(() => signal !== undefined);
    client.abort();
    await expect(answer).rejects.toThrow();
    await waitFor(() => signal?.aborted === true);
    await waitFor(() => api.logLines.some((line) => line.includes(' 499 ')));
  });

  it.each([
    ['no HTTP at all', 'hello\r\n\r\n', '400 Bad Request'],
    [
      'headers beyond Node’s limit',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`,
      '431 Request Header Fields Too Large',
    ],
  ])('answers a problem to %s', async (_name, text, status) => {
    const answer = await rawAnswer(await listen(createTestApi()), text);
    expect(answer).toContain(status);
    expect(answer).toContain('application/problem+json');
  });

  it('takes the first of two Authorization headers and refuses two idempotency keys', async () => {
    const port = await listen(createTestApi());
    const body = JSON.stringify(validJob());
    const answer = await rawAnswer(
      port,
      `POST /v1/consumer/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\nAuthorization: Bearer x\r\nAuthorization: Bearer y\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(answer).toContain('400 Bad Request');
    expect(answer).toContain('Idempotency-Key');
  });

  it('serves HEAD, ranges and links that work as they stand in the answer', async () => {
    const api = createTestApi();
    api.blobs.set('PICTURE.png', blobRecord('PICTURE.png'));
    const base = `http://127.0.0.1:${await listen(api)}`;
    const made = await fetch(`${base}/v1/consumer/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(validJob()),
    });
    const { jobId } = (await made.json()) as { jobId: string };
    api.orchestrator.succeed(jobId);
    const job = (await (await fetch(`${base}/v1/consumer/jobs/${jobId}`)).json()) as {
      result: { blobUrl: string };
    };
    const head = await fetch(job.result.blobUrl, { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe(String(PICTURE.length));
    const part = await fetch(job.result.blobUrl, { headers: { range: 'bytes=4-' } });
    expect([part.status, await part.text()]).toEqual([206, 'a png']);
  });

  it('finds raw AIRs in the path', async () => {
    const port = await listen(createTestApi());
    const answer = await rawAnswer(
      port,
      `GET /v2/resources/${SDXL} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toContain('200 OK');
  });
});

describe('the official npm client', () => {
  it('submits, reads, waits and cancels', async () => {
    const api = createTestApi({ AUTH: 'keys' });
    const port = await listen(api);
    const quiet = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    try {
      const client = new Civitai({ auth: KEYS.alice });
      OpenAPI.BASE = `http://127.0.0.1:${port}`;
      const input = {
        model: SDXL,
        params: {
          prompt: 'a fox',
          width: 512,
          height: 512,
          scheduler: 'EulerA',
          steps: 20,
          cfgScale: 7,
          clipSkip: 1,
        },
      };
      const made = (await client.image.fromText(input)) as {
        token: string;
        jobs: { jobId: string }[];
      };
      const [{ jobId } = { jobId: '' }] = made.jobs;
      api.orchestrator.succeed(jobId);
      const read = (await client.jobs.getByToken(made.token)) as {
        jobs: { result: { blobUrl: string } }[];
      };
      expect(read.jobs[0]?.result.blobUrl).toContain('/v2/consumer/blobs/');
      expect(await client.jobs.getById(jobId)).toMatchObject({ jobId, scheduled: false });
      expect(await client.jobs.cancel(jobId)).toMatchObject({ status: 200 });
    } finally {
      quiet.mockRestore();
    }
  });
});
