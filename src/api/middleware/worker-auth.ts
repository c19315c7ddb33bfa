import { createHash, timingSafeEqual } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { OrchestratorError } from '../../errors.ts';
import type { ApiEnv } from '../deps.ts';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** `/internal/*`: workers show WORKER_KEY as a Bearer. Without a configured key nobody gets in. Throws `unauthenticated`. */
export const workerAuth = (workerKey: string | undefined): MiddlewareHandler<ApiEnv> =>
  async function workerAuthMiddleware(c, next) {
    const seen = /^Bearer +(\S+)$/i.exec(c.req.header('authorization')?.trim() ?? '')?.[1];
    const good =
      workerKey !== undefined &&
      seen !== undefined &&
      timingSafeEqual(digest(seen), digest(workerKey));
    if (!good)
      throw new OrchestratorError(
        'unauthenticated',
        workerKey === undefined
          ? 'This API has no WORKER_KEY, so it takes no reports. Set the same WORKER_KEY here and at the worker.'
          : 'The WORKER_KEY of this worker is not the one of the API.',
      );
    await next();
  };
