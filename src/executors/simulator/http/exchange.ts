import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { parseWide, stringifyWide } from '../graph/wide-json.ts';

export interface SimRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Named parts of the route's path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface SimResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | Readable;
  /** Cuts the connection: instead of answering, or after that many bytes of the body. */
  readonly cutAfter?: number;
}

export type Handler = (request: SimRequest) => SimResponse | Promise<SimResponse>;

export interface Route {
  readonly method: 'GET' | 'POST';
  /** Segments starting with `:` match anything. */
  readonly path: string;
  /** Exists only under `/api`, without the plain twin. */
  readonly apiOnly?: boolean;
  readonly handle: Handler;
}

export const json = (value: unknown, status = 200): SimResponse => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8' },
  body: stringifyWide(value),
});

export const empty = (status = 200): SimResponse => ({ status });

export const text = (status: number, body: string): SimResponse => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body,
});

/** What aiohttp answers when a handler raises. */
export const INTERNAL_ERROR = text(
  500,
  '500 Internal Server Error\n\nServer got itself in trouble',
);

/** The body as JSON whatever the content type says; throws on malformed or empty bodies, which becomes a 500. */
export const bodyJson = (request: SimRequest): unknown => parseWide(request.body.toString('utf8'));

/** The body as a JSON object; a list counts as one without keys. Throws on anything else, which becomes a 500. */
export const bodyObject = (request: SimRequest): Record<string, unknown> => {
  const value = bodyJson(request);
  if (Array.isArray(value)) return {};
  if (typeof value !== 'object' || value === null) {
    throw new Error('body is not a JSON object');
  }
  return value as Record<string, unknown>;
};

/** Reads a body up to `limit` bytes; undefined when it is longer. The rest is read and thrown away. */
export const readBody = async (
  message: IncomingMessage,
  limit: number,
): Promise<Buffer | undefined> => {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of message as AsyncIterable<Buffer>) {
    size += part.length;
    if (size <= limit) parts.push(part);
    else parts.length = 0;
  }
  return size > limit ? undefined : Buffer.concat(parts);
};
