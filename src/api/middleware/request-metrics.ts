import type { MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { Context } from 'hono';
import type { Metrics } from '../../ports.ts';
import type { ApiEnv } from '../deps.ts';

/** Others are shown as one, so that nobody makes labels by inventing methods. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Times every request by the template of its route, never by its path. */
export const requestMetrics = (metrics: Metrics): MiddlewareHandler<ApiEnv> =>
  async function requestMetricsMiddleware(c, next) {
    const startedAt = performance.now();
    await next();
    metrics.observe(
      'httpSeconds',
      {
        method: METHODS.has(c.req.method) ? c.req.method : 'other',
        route: routeOf(c),
        status: String(c.res.status),
      },
      (performance.now() - startedAt) / 1_000,
    );
  };

/** `/v1/consumer/jobs/{jobId}`, or `none` when only the middleware matched. */
export const routeOf = (c: Context<ApiEnv>): string =>
  matchedRoutes(c)
    .findLast(({ path }) => !path.endsWith('*'))
    ?.path.replace(/:(\w+)(?:\{[^}]*\})?/g, '{$1}') ?? 'none';
