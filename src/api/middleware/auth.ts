import { createHash } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import type { KeyStore } from '../../db/keys.ts';
import { OrchestratorError } from '../../errors.ts';
import type { ApiEnv } from '../deps.ts';

const OPEN_TENANT = 'local';

/** A key that was good stays good this long without another look: a revocation counts after at most 3 seconds. */
const KEPT_MS = 3_000;
const KEPT_KEYS = 1_000;

/** AUTH=open: everybody is tenant `local`; a Bearer header is welcome and ignored. */
export const openAuth = (): MiddlewareHandler<ApiEnv> =>
  async function openAuthMiddleware(c, next) {
    c.set('tenant', OPEN_TENANT);
    await next();
  };

/** AUTH=keys: the tenant is that of the Bearer key. Throws `unauthenticated`. */
export function keyAuth(
  keys: Pick<KeyStore, 'findTenant'>,
  now: () => Date,
): MiddlewareHandler<ApiEnv> {
  // Keyed by digest, so that a heap dump of the cache shows no key.
  const kept = new Map<string, { readonly tenant: string; readonly until: number }>();

  async function findTenant(key: string): Promise<string | undefined> {
    const digest = createHash('sha256').update(key).digest('base64');
    const known = kept.get(digest);
    if (known && known.until > now().getTime()) return known.tenant;
    kept.delete(digest);
    const tenant = await keys.findTenant(key);
    if (tenant === undefined) return undefined;
    if (kept.size >= KEPT_KEYS) kept.clear();
    kept.set(digest, { tenant, until: now().getTime() + KEPT_MS });
    return tenant;
  }

  return async function keyAuthMiddleware(c, next) {
    const header = c.req.header('authorization');
    if (header === undefined)
      throw new OrchestratorError(
        'unauthenticated',
        "This API needs a key. Send 'Authorization: Bearer orc_…'; the operator makes keys with 'npm run keys'.",
      );
    const key = /^Bearer +(\S+)$/i.exec(header.trim())?.[1];
    const tenant = key === undefined ? undefined : await findTenant(key);
    if (tenant === undefined)
      throw new OrchestratorError(
        'unauthenticated',
        'The key in the Authorization header is unknown or revoked. Check it, or ask the operator for a new one.',
      );
    c.set('tenant', tenant);
    await next();
  };
}
