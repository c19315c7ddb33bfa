import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { createAddressRules } from './address-rules.ts';
import { createOutgoing } from './outgoing.ts';
import type { Resolve } from './target-check.ts';

const BOUNDS = { totalMs: 60_000, idleMs: 60_000 };
const POST = { ...BOUNDS, headers: { 'content-type': 'application/json' }, body: '{"a":1}' };
const GET = { ...BOUNDS, maxBytes: 1_000 };

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function listen<S extends Server | ReturnType<typeof createTcpServer>>(
  server: S,
  host = '127.0.0.1',
): Promise<number> {
  server.listen(0, host);
  await once(server, 'listening');
  closers.push(async () => {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const never: Resolve = () => Promise.reject(new Error('nobody should have asked'));
const strict = createOutgoing(createAddressRules([]), never);
const local = createOutgoing(createAddressRules(['127.0.0.0/8']), never);

describe('addresses that are refused before anything is sent', () => {
  it.each([
    ['ftp://example.org/', 'only http: and https:'],
    ['file:///etc/passwd', 'only http: and https:'],
    ['javascript:alert(1)', 'only http: and https:'],
    ['not a url', 'no absolute URL'],
    ['/relative', 'no absolute URL'],
    ['https://user:geheim@example.org/', 'carries a user name'],
    ['https://key@example.org/', 'carries a user name'],
    ['http://127.0.0.1/', '127.0.0.1 is loopback'],
    ['http://2130706433/', '127.0.0.1 is loopback'],
    ['http://0x7f.1/', '127.0.0.1 is loopback'],
    ['http://0177.0.0.1/', '127.0.0.1 is loopback'],
    ['http://127.1:8080/', '127.0.0.1 is loopback'],
    ['http://１２７.0.0.1/', '127.0.0.1 is loopback'],
    ['http://[::1]/', '::1 is loopback'],
    ['http://[::ffff:10.0.0.1]/', 'is IPv4 inside IPv6'],
    ['http://[64:ff9b::a00:1]/', 'is IPv4 inside IPv6'],
    ['http://169.254.169.254/latest/meta-data', 'link-local'],
    ['http://localhost:3000/', 'localhost is loopback'],
    ['http://a.LOCALHOST./', 'localhost is loopback'],
    [`https://example.org/${'x'.repeat(2_048)}`, 'at most 2048 characters'],
  ])('%s', async (url, message) => {
    expect(() => strict.check(url)).toThrow(message);
    await expect(strict.post(url, POST)).rejects.toMatchObject({
      code: 'url_refused',
      message: expect.stringContaining(message),
    });
    await expect(strict.get(url, GET)).rejects.toThrow(message);
    expect(() => strict.check(url)).not.toThrow('geheim');
  });

  it('includes names of which one address is private, and does not tell which', async () => {
    const resolve: Resolve = async () => [{ address: '93.184.216.34' }, { address: '10.1.2.3' }];
    const outgoing = createOutgoing(createAddressRules([]), resolve);
    expect(() => outgoing.check('https://inner.example.org/')).not.toThrow();
    for (const refused of [
      outgoing.checkAddresses('https://inner.example.org/'),
      outgoing.post('https://inner.example.org/', POST),
    ])
      await expect(refused).rejects.toMatchObject({
        code: 'url_refused',
        message: expect.stringMatching(/resolves to an address that is private(?!.*10\.1)/),
      });
  });
});

describe('connections to addresses that clients name', () => {
  it('go to the address that was checked, although the name means another one by then', async () => {
    const reached: string[] = [];
    const answer = (name: string) =>
      createServer((request, response) => {
        reached.push(`${name} for ${request.headers.host}`);
        response.end();
      });
    const port = await listen(answer('checked'));
    const inner = answer('inner').listen(port, '127.0.0.2');
    await once(inner, 'listening');
    closers.push(async () => inner.close());
    let asked = 0;
    const rebinding: Resolve = async () => [{ address: ++asked === 1 ? '127.0.0.1' : '127.0.0.2' }];
    const outgoing = createOutgoing(createAddressRules(['127.0.0.1']), rebinding);

    const url = `http://rebind.example.org:${port}/hook`;
    expect(await outgoing.post(url, POST)).toEqual({ status: 200 });
    expect(asked).toBe(1);
    await expect(outgoing.post(url, POST)).rejects.toMatchObject({ code: 'url_refused' });
    expect(reached).toEqual([`checked for rebind.example.org:${port}`]);
  });

  it('may have any address when the configuration lists the name', async () => {
    const port = await listen(createServer((_request, response) => response.end()));
    const outgoing = createOutgoing(createAddressRules(['hooks.internal']), async () => [
      { address: '127.0.0.1' },
    ]);
    expect(await outgoing.post(`http://hooks.internal:${port}/`, POST)).toEqual({ status: 200 });
  });

  it('post the body and do not follow a redirect', async () => {
    const seen: string[] = [];
    const port = await listen(
      createServer((request, response) => {
        request.setEncoding('utf8').on('data', (text: string) => {
          seen.push(`${request.method} ${request.url} ${request.headers['content-type']} ${text}`);
          response.writeHead(307, { location: '/elsewhere' }).end();
        });
      }),
    );
    expect(await local.post(`http://127.0.0.1:${port}/a`, POST)).toEqual({ status: 307 });
    expect(seen).toEqual(['POST /a application/json {"a":1}']);
  });

  it('say which failure it was when nobody listens, nothing resolves, or the caller gave up', async () => {
    const server = createServer();
    const port = await listen(server);
    server.close();
    await once(server, 'close');
    await expect(local.post(`http://127.0.0.1:${port}/`, POST)).rejects.toMatchObject({
      code: 'fetch_failed',
      retryable: true,
      message: expect.stringContaining('ECONNREFUSED'),
    });
    await expect(local.post('http://nowhere.example.org/', POST)).rejects.toMatchObject({
      code: 'fetch_failed',
      retryable: true,
      message: expect.stringContaining('nowhere.example.org could not be resolved'),
    });
    const gone = AbortSignal.abort(new Error('the worker stops'));
    await expect(
      local.post(`http://127.0.0.1:${port}/`, { ...POST, signal: gone }),
    ).rejects.toThrow('the worker stops');
  });

  it('end when a name, an answer or the rest of an answer does not come', async () => {
    const silent = createServer(() => undefined);
    const port = await listen(silent);
    const late = { code: 'fetch_timed_out', retryable: true };
    await expect(
      local.post(`http://127.0.0.1:${port}/`, { ...POST, idleMs: 50 }),
    ).rejects.toMatchObject({ ...late, message: expect.stringContaining('nothing was heard') });
    await expect(
      local.post(`http://127.0.0.1:${port}/`, { ...POST, totalMs: 50 }),
    ).rejects.toMatchObject({ ...late, message: expect.stringContaining('not over after') });
    const deaf = createOutgoing(createAddressRules([]), () => new Promise(() => undefined));
    await expect(
      deaf.post('https://slow.example.org/', { ...POST, totalMs: 50 }),
    ).rejects.toMatchObject({ ...late, message: expect.stringContaining('was not resolved') });

    const halves = createServer((_request, response) => void response.writeHead(200).write('half'));
    const halvesPort = await listen(halves);
    const file = await local.get(`http://127.0.0.1:${halvesPort}/`, { ...GET, totalMs: 300 });
    await expect(file.body.toArray()).rejects.toMatchObject(late);
  });

  it('take the status of an answer that never ends', async () => {
    const port = await listen(
      createServer((_request, response) => {
        response.writeHead(204 + 1);
        const more = (): void => {
          while (!response.destroyed && response.write('x'.repeat(10_000)));
          response.once('drain', more);
        };
        more();
      }),
    );
    expect(await local.post(`http://127.0.0.1:${port}/`, POST)).toEqual({ status: 205 });
  });

  it('fail when what answers speaks no HTTP', async () => {
    const port = await listen(createTcpServer((socket) => socket.end('SSH-2.0-x\r\n')));
    await expect(local.post(`http://127.0.0.1:${port}/`, POST)).rejects.toMatchObject({
      code: 'fetch_failed',
    });
  });
});

describe('a file that is fetched', () => {
  const serve = (answer: Parameters<typeof createServer>[1] & object) =>
    listen(createServer(answer)).then((port) => `http://127.0.0.1:${port}/file`);

  it('comes as a stream with its type', async () => {
    const url = await serve((_request, response) =>
      response.writeHead(200, { 'content-type': 'image/png' }).end('bytes'),
    );
    const file = await local.get(url, GET);
    expect(file.contentType).toBe('image/png');
    expect(Buffer.concat(await file.body.toArray()).toString()).toBe('bytes');
  });

  it('may not be larger than asked for, announced or not', async () => {
    const announced = await serve((_request, response) => response.end('x'.repeat(1_001)));
    await expect(local.get(announced, GET)).rejects.toMatchObject({
      code: 'fetch_too_large',
      retryable: false,
      message: expect.stringContaining('1001 bytes; at most 1000'),
    });
    const chunked = await serve((_request, response) => {
      response.write('x'.repeat(600));
      response.write('x'.repeat(600));
      response.end();
    });
    const file = await local.get(chunked, GET);
    await expect(file.body.toArray()).rejects.toMatchObject({ code: 'fetch_too_large' });
  });

  it.each([
    [301, 'redirect', false],
    [404, 'answered 404', false],
    [206, 'answered 206', false],
    [503, 'answered 503', true],
    [429, 'answered 429', true],
  ])('is none when the answer is %i', async (status, message, retryable) => {
    const url = await serve((_request, response) =>
      response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end(),
    );
    await expect(local.get(url, GET)).rejects.toMatchObject({
      code: 'fetch_failed',
      message: expect.stringContaining(message),
      retryable,
    });
  });

  it('fails when it breaks off', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half');
      response.once('drain', () => undefined);
      setImmediate(() => response.destroy());
    });
    const read = local.get(url, GET).then((file) => file.body.toArray());
    await expect(read).rejects.toMatchObject({ code: 'fetch_failed', retryable: true });
  });

  it('closes its connection when it is not read', async () => {
    let closed = 0;
    const url = await serve((request, response) => {
      request.socket.once('close', () => closed++);
      response.writeHead(200).write('half');
    });
    const file = await local.get(url, GET);
    file.body.destroy();
    await expect.poll(() => closed).toBe(1);
  });
});

describe('a file that is sent', () => {
  const put = (url: string, body = Readable.from(['by', 'tes'])) =>
    local.put(url, { ...BOUNDS, headers: { 'content-length': '5' }, body });
  const answering = async (status: number, headers = {}): Promise<string> => {
    const port = await listen(
      createServer((request, response) => {
        request.resume().on('end', () => response.writeHead(status, headers).end());
      }),
    );
    return `http://127.0.0.1:${port}/a?secret=1`;
  };

  it('arrives as it is', async () => {
    let seen = '';
    const port = await listen(
      createServer((request, response) => {
        request.setEncoding('utf8').on('data', (piece: string) => (seen += piece));
        request.on('end', () => {
          seen += ` by ${request.method} of ${request.headers['content-length']}`;
          response.writeHead(204).end();
        });
      }),
    );
    await put(`http://127.0.0.1:${port}/`);
    expect(seen).toBe('bytes by PUT of 5');
  });

  it.each([
    [503, true, 'answered 503'],
    [403, false, 'answered 403'],
    [307, false, 'redirects are not followed'],
  ])('and is answered with %i is not taken', async (status, retryable, message) => {
    const url = await answering(status, { location: 'http://10.0.0.1/' });
    const sent = put(url);
    await expect(sent).rejects.toMatchObject({ code: 'fetch_failed', retryable });
    await expect(sent).rejects.toThrow(message);
    await expect(sent).rejects.not.toThrow('secret');
  });

  it('goes nowhere private, and its source is ended whatever happens', async () => {
    const source = Readable.from(['by', 'tes']);
    const request = { ...BOUNDS, headers: {}, body: source };
    await expect(strict.put('http://10.0.0.1/', request)).rejects.toMatchObject({
      code: 'url_refused',
    });
    expect(source.destroyed).toBe(true);
  });

  it('whose source fails is not taken for whole', async () => {
    const broken = Readable.from(
      (async function* () {
        yield 'by';
        throw new Error('the disk broke');
      })(),
    );
    await expect(put(await answering(200), broken)).rejects.toMatchObject({ code: 'fetch_failed' });
  });
});
