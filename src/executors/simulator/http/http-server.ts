import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { WebSocketServer } from 'ws';
import { messageOf } from '../../../errors.ts';
import type { Logger } from '../../../ports.ts';
import type { FaultBook } from '../faults.ts';
import { PythonError } from '../graph/python-values.ts';
import type { SocketHub } from '../socket-hub.ts';
import { INTERNAL_ERROR, empty, readBody, text, type Route, type SimResponse } from './exchange.ts';
import { isForeignOrigin } from './origin-check.ts';
import { createRouter } from './router.ts';

export interface HttpServerDeps {
  readonly routes: readonly Route[];
  readonly hub: SocketHub;
  readonly faults: FaultBook;
  readonly maxBodyBytes: number;
  readonly logger: Logger | undefined;
}

const firstBytes = async (body: SimResponse['body'], count: number): Promise<Buffer> => {
  if (!(body instanceof Readable)) return Buffer.from(body ?? '').subarray(0, count);
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of body as AsyncIterable<Buffer>) {
    parts.push(part);
    size += part.length;
    if (size >= count) break;
  }
  return Buffer.concat(parts).subarray(0, count);
};

const send = async (
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers = {}, body, cutAfter }: SimResponse,
): Promise<void> => {
  if (cutAfter !== undefined) {
    const part = await firstBytes(body, cutAfter);
    if (cutAfter > 0) {
      response.writeHead(status, headers);
      await new Promise<void>((done) => response.write(part, () => done()));
    }
    request.socket.destroy();
    return;
  }
  const length =
    body instanceof Readable ? {} : { 'content-length': String(Buffer.byteLength(body ?? '')) };
  // The length last: behind it Node encodes a content-disposition once more, and refuses names beyond ASCII.
  try {
    response.writeHead(status, status === 304 ? headers : { ...headers, ...length });
  } catch (error) {
    if (body instanceof Readable) body.destroy();
    throw error;
  }
  if (request.method === 'HEAD' || !(body instanceof Readable)) {
    if (body instanceof Readable) body.destroy();
    response.end(request.method === 'HEAD' ? undefined : body);
    return;
  }
  await pipeline(body, response);
};

/** An HTTP server with aiohttp's manners, and the WebSocket at /ws and /api/ws. */
export const createHttpServer = (deps: HttpServerDeps): Server => {
  const route = createRouter(deps.routes);
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });

  const answer = async (request: IncomingMessage, url: URL): Promise<SimResponse | 'never'> => {
    const method = request.method ?? 'GET';
    const here = (fault: {
      path: string;
      query?: string | undefined;
      method?: string | undefined;
    }): boolean =>
      url.pathname.startsWith(fault.path) &&
      url.search.includes(fault.query ?? '') &&
      (fault.method ?? method) === method;
    if (!url.pathname.startsWith('/sim/')) {
      if (deps.faults.take('hang', here)) return 'never';
      const failing = deps.faults.take('http-error', here);
      if (failing) {
        await readBody(request, 0);
        return text(failing.status, `${failing.status}: simulated`);
      }
    }
    if (isForeignOrigin(request.headers.host, request.headers.origin)) return empty(403);
    if (method === 'OPTIONS') return empty();
    const match = route(method, url.pathname);
    if ('allowed' in match) {
      if (method === 'GET' || method === 'HEAD') {
        return { status: 404, headers: { 'content-type': 'application/octet-stream' } };
      }
      const refused = text(405, '405: Method Not Allowed');
      return { ...refused, headers: { ...refused.headers, allow: match.allowed.join(',') } };
    }
    const body = await readBody(request, deps.maxBodyBytes);
    if (body === undefined) {
      return text(413, `Maximum request body size ${deps.maxBodyBytes} exceeded.`);
    }
    return match.handle({
      method,
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      params: match.params,
      body,
    });
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const started = performance.now();
    const url = new URL(request.url ?? '/', 'http://simulator');
    let result: SimResponse | 'never';
    try {
      result = await answer(request, url);
    } catch (error) {
      // A body that ended too soon: nobody is left to answer, and nothing was queued.
      if (request.destroyed && !request.complete) return;
      const expected = error instanceof PythonError || error instanceof SyntaxError;
      const fields = { method: request.method, path: url.pathname, error: messageOf(error) };
      if (expected) deps.logger?.debug(fields, 'simulator answers 500 as the original does');
      else deps.logger?.warn(fields, 'simulator request failed');
      result = INTERNAL_ERROR;
    }
    if (result === 'never') return;
    await send(request, response, result);
    deps.logger?.debug(
      {
        method: request.method,
        path: url.pathname,
        status: result.status,
        ms: Math.round(performance.now() - started),
      },
      'simulator request',
    );
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      // The client left while the answer was being written.
      deps.logger?.debug({ error: messageOf(error) }, 'simulator response not delivered');
      response.destroy();
    });
  });
  // aiohttp's patience with an idle connection; Node's five seconds would cut clients off that poll more slowly.
  server.keepAliveTimeout = 75_000;
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Node leaves the socket to us: a client that is gone already must not end the process.
    socket.on('error', () => socket.destroy());
    const target = request.url ?? '/';
    if (!URL.canParse(target, 'http://simulator')) return void socket.destroy();
    const url = new URL(target, 'http://simulator');
    const foreign = isForeignOrigin(request.headers.host, request.headers.origin);
    if (foreign || (url.pathname !== '/ws' && url.pathname !== '/api/ws')) {
      const line = foreign ? '403 Forbidden' : '404 Not Found';
      socket.end(`HTTP/1.1 ${line}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (connection) => {
      deps.hub.accept(connection, url.searchParams.get('clientId') || undefined);
    });
  });
  return server;
};
