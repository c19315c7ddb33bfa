import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { serve } from '@hono/node-server';
import { OrchestratorError, messageOf } from '../errors.ts';
import { answerParserError } from './parser-errors.ts';

export interface HttpServer {
  readonly url: string;
  readonly port: number;
  /** Takes no new connections, lets requests finish for `graceMs`, then cuts them off. */
  close(graceMs?: number): Promise<void>;
}

export interface ListenOptions {
  readonly fetch: (request: Request) => Response | Promise<Response>;
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Traceparent for requests that are no HTTP. */
  readonly newTrace: () => string;
}

/** Listens for HTTP. Throws `configuration` when the address cannot be bound. */
export async function listen(options: ListenOptions): Promise<HttpServer> {
  const server = serve({
    fetch: options.fetch,
    hostname: options.host,
    port: options.port,
    overrideGlobalObjects: false,
  });
  server.on('clientError', (error: Error, socket: Duplex) =>
    answerParserError(error, socket, options.newTrace),
  );
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', (error) =>
      reject(
        new OrchestratorError(
          'configuration',
          `The API cannot listen on ${options.host}:${options.port}: ${messageOf(error)}. Set PORT or HOST to another address.`,
          { cause: error },
        ),
      ),
    );
  });
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}`,
    port,
    close: (graceMs = 5_000) =>
      new Promise((resolve) => {
        const closeAll = 'closeAllConnections' in server ? server.closeAllConnections : undefined;
        const timer = setTimeout(() => closeAll?.call(server), graceMs);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        if ('closeIdleConnections' in server) server.closeIdleConnections();
      }),
  };
}
