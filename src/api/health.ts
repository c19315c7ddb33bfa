/** `/health` and `/ready` */
import { z } from '@hono/zod-openapi';
import { messageOf } from '../errors.ts';
import type { ApiDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';

const TAG = 'Service';
const Health = z.object({ status: z.literal('ok'), environment: z.string() }).openapi('Health');
const Readiness = z
  .object({
    status: z.enum(['ok', 'degraded', 'down']),
    dependencies: z.record(
      z.string(),
      z.object({ state: z.enum(['ok', 'degraded', 'down']), detail: z.string().optional() }),
    ),
  })
  .openapi('Readiness');

/** Endpoints for monitoring. */
export function healthEndpoints(deps: ApiDeps): readonly Endpoint[] {
  return [
    endpoint({
      method: 'get',
      path: '/health',
      access: 'public',
      tag: TAG,
      summary: 'Whether the process is alive',
      responses: { 200: { description: 'Alive', schema: Health } },
      handle: (c) => c.json({ status: 'ok', environment: deps.config.NODE_ENV }),
    }),
    endpoint({
      method: 'get',
      path: '/ready',
      access: 'public',
      tag: TAG,
      summary: 'Whether every dependency works',
      responses: {
        200: { description: 'Jobs are accepted and can run', schema: Readiness },
        503: { description: 'A dependency is down', schema: Readiness },
      },
      async handle(c) {
        const dependencies = await deps.ready().catch((error: unknown) => {
          deps.logger.warn({ error: messageOf(error) }, 'readiness check failed');
          return { check: { state: 'down' as const, detail: 'the check itself failed' } };
        });
        const states = Object.values(dependencies).map(({ state }) => state);
        const status = states.includes('down')
          ? 'down'
          : states.includes('degraded')
            ? 'degraded'
            : 'ok';
        if (status === 'down') c.header('retry-after', '5');
        return c.json({ status, dependencies }, status === 'down' ? 503 : 200);
      },
    }),
  ];
}
