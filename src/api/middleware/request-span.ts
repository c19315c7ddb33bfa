import type { MiddlewareHandler } from 'hono';
import { spanOf } from '../../domain/trace.ts';
import type { Tracer } from '../../ports.ts';
import type { ApiEnv } from '../deps.ts';
import { routeOf } from './request-metrics.ts';

/** Asked again and again by machines; nobody looks for them. */
const QUIET = new Set(['/health', '/ready']);

/** Notes each request as the span whose id is in its traceparent, so that the job it makes lies below it. */
export const requestSpan = (tracer: Tracer): MiddlewareHandler<ApiEnv> =>
  async function requestSpanMiddleware(c, next) {
    const startedAtMs = Date.now();
    const before = performance.now();
    await next();
    const route = routeOf(c);
    if (QUIET.has(route)) return;
    const traceparent = c.get('traceId');
    const parentId = spanIdIn(c.req.header('traceparent'), traceparent);
    const { status } = c.res;
    tracer.note({
      name: `${c.req.method} ${route}`,
      kind: 'server',
      traceparent,
      id: spanOf(traceparent),
      ...(parentId === undefined ? {} : { parentId }),
      startedAtMs,
      endedAtMs: startedAtMs + performance.now() - before,
      attributes: {
        'http.request.method': c.req.method,
        'http.route': route,
        'http.response.status_code': status,
      },
      ...(status >= 500 ? { error: String(status) } : {}),
    });
  };

/** Span of the caller, when its trace was the one that was taken on. */
const spanIdIn = (incoming: string | undefined, taken: string): string | undefined => {
  const text = incoming?.trim() ?? '';
  return text.startsWith(taken.slice(0, 36)) ? spanOf(text) : undefined;
};
