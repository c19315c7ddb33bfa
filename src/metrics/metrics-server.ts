import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OrchestratorError, messageOf } from '../errors.ts';
import type { Logger } from '../ports.ts';
import { METRICS_TYPE, type MetricsExporter } from './exporter.ts';

export interface MetricsServer {
  readonly url: string;
  close(): Promise<void>;
}

export interface MetricsServerOptions {
  readonly exporter: Pick<MetricsExporter, 'render'>;
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Bearer that a scrape has to show. */
  readonly key?: string | undefined;
  readonly logger: Logger;
}

/** Serves `GET /metrics` and nothing else, on a port of its own. Throws `configuration` when it cannot be bound. */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const { exporter, host, key, logger } = options;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const say = (status: number, text: string, headers: Record<string, string> = {}): void => {
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers });
      response.end(request.method === 'HEAD' ? undefined : text);
    };
    if (request.url?.split('?')[0] !== '/metrics') return say(404, 'Only /metrics is here.\n');
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return say(405, 'Use GET.\n', { allow: 'GET, HEAD' });
    if (key !== undefined && !shows(request, key))
      return say(401, "Send 'Authorization: Bearer <METRICS_KEY>'.\n", {
        'www-authenticate': 'Bearer realm="metrics"',
      });
    say(200, await exporter.render(), { 'content-type': METRICS_TYPE });
  };
  const server = createServer((request, response) => {
    // A body is nothing that is read here.
    request.resume();
    answer(request, response).catch((error: unknown) => {
      logger.warn({ error: messageOf(error) }, 'metrics could not be shown');
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  server.listen({ host, port: options.port });
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new OrchestratorError(
      'configuration',
      `Metrics cannot be served on ${host}:${options.port}: ${messageOf(error)}. Set METRICS_PORT to another port, each process needs its own.`,
      { cause: error },
    );
  }
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

const shows = (request: IncomingMessage, key: string): boolean => {
  const seen = /^Bearer +(\S+)$/i.exec(request.headers.authorization?.trim() ?? '')?.[1];
  return seen !== undefined && timingSafeEqual(digest(seen), digest(key));
};
