import { createHash, timingSafeEqual } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { OrchestratorError } from '../../errors.ts';
import type { ApiConfig, ApiEnv } from '../deps.ts';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/**
 * `/internal/*`: workers show WORKER_KEY, which is good for every server, or one of WORKER_KEYS, which is good for its
 * own, as a Bearer. Without a configured key nobody gets in. Throws `unauthenticated`, `forbidden`.
 */
export function workerAuth({
  WORKER_KEY,
  WORKER_KEYS = {},
}: Pick<ApiConfig, 'WORKER_KEY' | 'WORKER_KEYS'>): MiddlewareHandler<ApiEnv> {
  const known = [
    ...(WORKER_KEY === undefined ? [] : [{ key: digest(WORKER_KEY), serverId: undefined }]),
    ...Object.entries(WORKER_KEYS).map(([serverId, key]) => ({ key: digest(key), serverId })),
  ];
  return async function workerAuthMiddleware(c, next) {
    const seen = /^Bearer +(\S+)$/i.exec(c.req.header('authorization')?.trim() ?? '')?.[1];
    const shown = digest(seen ?? '');
    // Every key is compared, whichever it is.
    const good = known.filter(({ key }) => timingSafeEqual(key, shown));
    if (seen === undefined || good.length === 0)
      throw new OrchestratorError(
        'unauthenticated',
        known.length === 0
          ? 'This API has no WORKER_KEY, so it takes nothing from workers. Set the same WORKER_KEY here and at the worker.'
          : 'The WORKER_KEY of this worker is not one of the API.',
      );
    const asked = c.req.param('serverId');
    if (!good.some(({ serverId }) => serverId === undefined || serverId === asked))
      throw new OrchestratorError(
        'forbidden',
        `This worker key is one of server ${good.map(({ serverId }) => serverId).join(', ')}, not of ${asked ?? 'all servers'}.`,
      );
    await next();
  };
}
