import type { MiddlewareHandler } from 'hono';
import { continueTrace } from '../../domain/trace.ts';
import type { ApiEnv } from '../deps.ts';

/** Takes the request's W3C traceparent or makes one, and sends it back. */
export const trace = (randomHex: (bytes: number) => string): MiddlewareHandler<ApiEnv> =>
  async function traceMiddleware(c, next) {
    const traceId = continueTrace(c.req.header('traceparent'), randomHex);
    c.set('traceId', traceId);
    await next();
    c.header('traceparent', traceId);
  };
