import {
  createServer,
  request as openRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

export interface ReverseProxyOptions {
  /** Several are asked in turn, request by request. */
  readonly target: string | readonly [string, ...string[]];
  /** (Default: a free one) */
  readonly port?: number;
  /** A front of our own: the client's `Host` and the end of its connection are passed on. (Default: false) */
  readonly keepHost?: boolean;
  /** Path below which the target lies; taken off on the way. (Default: none) */
  readonly prefix?: string;
  /** The exact value of this header is demanded of requests and handshakes. */
  readonly demands?: { readonly header: string; readonly value: string };
  /** `no`: answers handshakes as any request; `private`: demands what no client has. (Default: `yes`) */
  readonly upgrades?: 'yes' | 'no' | 'private';
  /** Answers in the place of the target, and says true, where it likes to. */
  readonly intercept?: (incoming: IncomingMessage, response: ServerResponse) => boolean;
  /** Changes JSON answers of that path. */
  readonly rewrite?: Readonly<Record<string, (body: Record<string, unknown>) => unknown>>;
  /** Changes JSON requests to that path. */
  readonly rewriteRequest?: Readonly<Record<string, (body: Record<string, unknown>) => unknown>>;
}

export interface ReverseProxy {
  /** With the prefix, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** What was let through, and what was not; handshakes are `UPGRADE`. */
  readonly log: readonly { readonly method: string; readonly path: string; readonly ok: boolean }[];
  /** Sends bytes to every WebSocket client that is connected; returns to how many. */
  inject(bytes: Uint8Array): number;
  close(): Promise<void>;
}

const CHALLENGE = 'Basic realm="comfy"';

const collected = async (incoming: IncomingMessage): Promise<Record<string, unknown>> => {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>;
};

/** Stands in front of a server as nginx would, with credentials, a path of its own, or lies. */
export async function startReverseProxy(options: ReverseProxyOptions): Promise<ReverseProxy> {
  const { prefix = '', demands, upgrades = 'yes', rewrite = {}, keepHost = false } = options;
  const { rewriteRequest = {} } = options;
  const targets = typeof options.target === 'string' ? [options.target] : options.target;
  const [target] = targets;
  let turn = 0;
  const log: { method: string; path: string; ok: boolean }[] = [];
  const open = new Set<Duplex>();
  const clients = new Set<Duplex>();

  const isLetIn = (headers: IncomingHttpHeaders): boolean =>
    demands === undefined || headers[demands.header] === demands.value;
  const forward = (incoming: IncomingMessage) => {
    const chosen = targets[turn++ % targets.length] ?? target;
    return openRequest(new URL((incoming.url ?? '/').slice(prefix.length) || '/', chosen), {
      method: incoming.method ?? 'GET',
      headers: { ...incoming.headers, ...(keepHost ? {} : { host: new URL(chosen).host }) },
      agent: false,
    });
  };

  const serve = (incoming: IncomingMessage, response: ServerResponse): void => {
    const { method = '', url: path = '' } = incoming;
    const ok = isLetIn(incoming.headers) && path.startsWith(prefix);
    log.push({ method, path, ok });
    if (!isLetIn(incoming.headers)) {
      incoming.resume();
      response.writeHead(401, { 'www-authenticate': CHALLENGE }).end('Unauthorized');
      return;
    }
    if (!path.startsWith(prefix)) return void response.writeHead(404).end();
    if (options.intercept?.(incoming, response)) return;
    const route = new URL(path, target).pathname.slice(prefix.length);
    const change = rewrite[route];
    const asked = method === 'POST' ? rewriteRequest[route] : undefined;
    if (asked) delete incoming.headers['content-length'];
    const outgoing = forward(incoming);
    outgoing.on('error', () => {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    });
    // Whoever waits or streams behind a front learns that the client has gone.
    if (keepHost) response.on('close', () => outgoing.destroy());
    outgoing.on('response', (answer) => {
      if (change === undefined) {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
        return;
      }
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>;
        response.setHeader('content-type', 'application/json').end(JSON.stringify(change(body)));
      });
    });
    if (asked) void collected(incoming).then((body) => outgoing.end(JSON.stringify(asked(body))));
    else incoming.pipe(outgoing);
  };

  const upgrade = (incoming: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const ok = isLetIn(incoming.headers) && upgrades === 'yes';
    log.push({ method: 'UPGRADE', path: incoming.url ?? '', ok });
    const refuse = (line: string): void =>
      void socket.end(`HTTP/1.1 ${line}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
    if (upgrades === 'no') return refuse('404 Not Found');
    if (!ok) return refuse('401 Unauthorized');
    const outgoing = forward(incoming);
    outgoing.on('error', () => refuse('502 Bad Gateway'));
    outgoing.on('upgrade', (answer, upstream, first) => {
      const lines = Object.entries(answer.headers).map(
        ([name, value]) => `${name}: ${String(value)}`,
      );
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`);
      if (first.length > 0) socket.write(first);
      if (head.length > 0) upstream.write(head);
      clients.add(socket);
      socket.on('close', () => clients.delete(socket));
      for (const end of [socket, upstream]) {
        open.add(end);
        end.on('close', () => open.delete(end));
        end.on('error', () => end.destroy());
      }
      socket.pipe(upstream).pipe(socket);
      socket.on('close', () => upstream.destroy());
      upstream.on('close', () => socket.destroy());
    });
    outgoing.end();
  };

  const server = createServer(serve);
  server.on('upgrade', upgrade);
  await new Promise<void>((done) => server.listen(options.port ?? 0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${prefix}`,
    port,
    log,
    inject(bytes) {
      for (const client of clients) client.write(bytes);
      return clients.size;
    },
    async close() {
      for (const end of open) end.destroy();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
