import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { FormData } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../../../test/support/until.ts';
import { createComfyHttp } from './http.ts';
import { readText } from './http-response.ts';
import { SINGLE_SERVER, type SettingNames } from './setting-names.ts';

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) =>
    server === undefined ? resolve(undefined) : server.close(resolve),
  );
  server = undefined;
});

const clientOf = async (
  listener: RequestListener,
  timeoutMs = 5000,
  setIn?: SettingNames,
  headers: Record<string, string> = { 'x-key': 'k' },
) => {
  const started = createServer(listener);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  const { port } = started.address() as AddressInfo;
  const base = new URL(`http://127.0.0.1:${port}`);
  return createComfyHttp({
    ...{ serverId: 'gpu-1', base, headers, timeoutMs },
    ...(setIn ? { setIn } : {}),
  });
};
const spec = { method: 'GET', path: '/queue' } as const;

describe('createComfyHttp', () => {
  it('is unreachable and retryable when nobody listens', async () => {
    const http = await clientOf(() => undefined);
    await new Promise((resolve) => server?.close(resolve));
    await expect(http.json(spec)).rejects.toMatchObject({
      code: 'server_unreachable',
      retryable: true,
      message: expect.stringMatching(/gpu-1 at http:.*GET \/queue: .*ECONNREFUSED/),
    });
  });

  it('is unreachable when the connection is cut instead of answered', async () => {
    const http = await clientOf((request) => request.socket.destroy());
    await expect(http.json(spec)).rejects.toMatchObject({ code: 'server_unreachable' });
  });

  it('is unreachable when the answer does not begin or does not end in time', async () => {
    const mute = await clientOf(() => undefined, 50);
    await expect(mute.json(spec)).rejects.toMatchObject({
      code: 'server_unreachable',
      message: expect.stringContaining('no answer within 50 ms'),
    });
    const halting = await clientOf((_, response) => {
      response.write('{"queue_running":');
    }, 50);
    await expect(halting.json(spec)).rejects.toMatchObject({ code: 'server_unreachable' });
  });

  it('quotes a bounded part of a 500 and calls it retryable', async () => {
    const http = await clientOf((_, response) => {
      response.statusCode = 500;
      response.end(`Server got itself\n in trouble ${'x'.repeat(100_000)}`);
    });
    const error = await http.json(spec).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'server_error', retryable: true });
    expect((error as Error).message).toContain('answered 500 to GET /queue: Server got itself in');
    expect((error as Error).message.length).toBeLessThan(600);
  });

  it('does not take a login page for an answer', async () => {
    const http = await clientOf((_, response) => response.end('<html>log in</html>'));
    await expect(http.json(spec)).rejects.toMatchObject({ code: 'server_error', retryable: true });
  });

  it.each([
    [SINGLE_SERVER, undefined],
    [{ address: 'url of gpu-1 in COMFY_SERVERS', credentials: 'LOGIN' }, 'COMFY_HTTP_URL'],
  ])('names the settings of its own server: %j', async (setIn, foreign) => {
    const answers: RequestListener[] = [
      (request) => request.socket.destroy(),
      (_, response) => response.writeHead(418).end(),
      (_, response) => response.end('<html>log in</html>'),
      (_, response) => response.writeHead(401).end(),
    ];
    const http = await clientOf((...args) => answers.shift()?.(...args), 5_000, setIn);
    const said: string[] = [];
    for (const expected of [setIn.address, setIn.address, setIn.address, setIn.credentials]) {
      const message = await http.json(spec).catch((error: Error) => error.message);
      expect(message).toContain('gpu-1');
      expect(message).toContain(expected);
      said.push(String(message));
    }
    if (foreign) expect(said.join()).not.toContain(foreign);
  });

  it('does not follow a redirect', async () => {
    const http = await clientOf((_, response) => {
      response.writeHead(302, { location: 'http://127.0.0.1:9/login' }).end();
    });
    await expect(http.json(spec)).rejects.toMatchObject({ code: 'server_error' });
  });

  it('throws the reason of the caller who gave up', async () => {
    const http = await clientOf(() => undefined);
    const controller = new AbortController();
    const call = http.json({ ...spec, signal: controller.signal });
    controller.abort(new Error('cancelled'));
    await expect(call).rejects.toThrow('cancelled');
  });

  it('sends the headers of the server and reuses connections', async () => {
    const ports = new Set<number | undefined>();
    const http = await clientOf((request, response) => {
      ports.add(request.socket.remotePort);
      response.end(JSON.stringify(request.headers['x-key']));
    });
    for (let turn = 0; turn < 5; turn += 1) expect(await http.json(spec)).toBe('k');
    expect(ports.size).toBeLessThan(5);
  });

  it('fails a download that stops in the middle', async () => {
    const http = await clientOf((_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('first');
      // Time enough for a busy machine to begin the answer: only its end shall be missing.
    }, 2_000);
    const stream = await http.stream(spec);
    const chunks: string[] = [];
    const read = (async () => {
      for await (const chunk of stream ?? []) chunks.push(String(chunk));
    })();
    await expect(read).rejects.toMatchObject({ code: 'server_unreachable' });
    expect(chunks).toEqual(['first']);
  });

  it.each(['gzip', 'deflate', 'br'])('reads what a proxy made %s of', async (encoding) => {
    const compress = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync }[encoding];
    const whole = JSON.stringify({ text: 'ä'.repeat(100_000) });
    const packed = compress?.(whole) ?? Buffer.alloc(0);
    const asked: unknown[] = [];
    let length = packed.length;
    const http = await clientOf((request, response) => {
      asked.push(request.headers['accept-encoding']);
      response.writeHead(200, { 'content-encoding': encoding }).end(packed.subarray(0, length));
    });
    expect(JSON.stringify(await http.json(spec))).toBe(whole);
    const chunks: Buffer[] = [];
    for await (const chunk of (await http.stream(spec)) ?? []) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toBe(whole);
    expect(asked).toEqual(['gzip', 'gzip']);
    length -= 10;
    await expect(http.json(spec)).rejects.toMatchObject({ code: 'server_unreachable' });
  });

  it('hands on a large file no faster than it is read', async () => {
    const size = 20_000_000;
    let sent = 0;
    const http = await clientOf((_, response) => {
      const more = (): void => {
        while (sent < size) {
          sent += 100_000;
          if (!response.write(Buffer.alloc(100_000, 7))) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    });
    const stream = await http.stream(spec);
    if (!stream) throw new Error('no stream');
    const iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    let bytes = (await iterator.next()).value.length as number;
    // Twice the same: what is between the two is full.
    for (let before = -1; before !== sent;) {
      before = sent;
      for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
    }
    expect(sent).toBeLessThan(size);
    for (let part = await iterator.next(); !part.done; part = await iterator.next())
      bytes += part.value.length;
    expect(bytes).toBe(size);
  });

  it('sends a form with its length, and nothing twice whatever becomes of the connection', async () => {
    const seen: (string | undefined)[] = [];
    const bodies: string[] = [];
    let isCut = false;
    const http = await clientOf((request, response) => {
      seen.push(request.headers['content-length']);
      void text(request).then((body) => {
        bodies.push(body);
        if (isCut) request.socket.destroy();
        else response.end('{}');
      });
    });
    const form = new FormData();
    form.set('image', new File(['bytes'], 'a.png'));
    const upload = { method: 'POST', path: '/upload/image', body: form } as const;
    await http.call(upload, (response) => readText(response, 100));
    expect(seen).toEqual([String(Buffer.byteLength(bodies[0] ?? ''))]);
    expect(bodies[0]).toContain('filename="a.png"');
    isCut = true;
    const post = { method: 'POST', path: '/prompt', body: '{}' } as const;
    for (const call of [post, { ...spec, path: '/history' }, upload])
      await expect(http.json(call)).rejects.toMatchObject({ code: 'server_unreachable' });
    expect(seen).toHaveLength(4);
  });

  it('keeps no process alive by a connection that it keeps', async () => {
    const http = await clientOf((_, response) => response.end('{}'));
    const started = server as Server;
    started.keepAliveTimeout = 600_000;
    started.on('connection', (socket) => socket.unref());
    const alive = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    const before = alive();
    await http.json(spec);
    await until('no connection keeps the process', () => alive() <= before);
    const kept = await new Promise((resolve) =>
      started.getConnections((_, count) => resolve(count)),
    );
    expect(kept).toBe(1);
  });

  it('lets the headers of a server stand above its own, in whatever case', async () => {
    const http = await clientOf(
      (request, response) => response.end(JSON.stringify(request.rawHeaders)),
      5_000,
      undefined,
      { 'User-Agent': 'mine', 'Accept-Encoding': 'identity' },
    );
    const raw = (await http.json(spec)) as string[];
    const agents = raw.filter((_, index) => /^user-agent$/i.test(raw[index - 1] ?? ''));
    expect(agents).toEqual(['mine']);
    expect(raw).toContain('identity');
  });
});
