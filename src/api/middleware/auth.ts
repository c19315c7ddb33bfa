import { createHash } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import type { KeyHolder, KeyStore } from '../../db/keys.ts';
import { allows, SCOPES, type Scope } from '../../domain/scopes.ts';
import { OrchestratorError } from '../../errors.ts';
import type { ApiEnv } from '../deps.ts';

const OPEN_TENANT = 'local';

/** A key that was good stays good this long without another look: a revocation counts after at most 3 seconds. */
const KEPT_MS = 3_000;
const KEPT_KEYS = 1_000;

/** AUTH=open: everybody is tenant `local` and may operate; a Bearer header is welcome and ignored. */
export const openAuth = (): MiddlewareHandler<ApiEnv> =>
  async function openAuthMiddleware(c, next) {
    c.set('tenant', OPEN_TENANT);
    c.set('operator', true);
    c.set('scopes', null);
    await next();
  };

/** AUTH=keys: the tenant is that of the Bearer key. Throws `unauthenticated`. */
export function keyAuth(
  keys: Pick<KeyStore, 'findHolder'>,
  now: () => Date,
): MiddlewareHandler<ApiEnv> {
  // Keyed by digest, so that a heap dump of the cache shows no key.
  const kept = new Map<string, { readonly holder: KeyHolder; readonly until: number }>();

  async function findHolder(key: string): Promise<KeyHolder | undefined> {
    const digest = createHash('sha256').update(key).digest('base64');
    const known = kept.get(digest);
    if (known && known.until > now().getTime()) return known.holder;
    kept.delete(digest);
    const holder = await keys.findHolder(key);
    if (holder === undefined) return undefined;
    if (kept.size >= KEPT_KEYS) kept.clear();
    kept.set(digest, { holder, until: now().getTime() + KEPT_MS });
    return holder;
  }

  return async function keyAuthMiddleware(c, next) {
    const header = c.req.header('authorization');
    if (header === undefined)
      throw new OrchestratorError(
        'unauthenticated',
        "This API needs a key. Send 'Authorization: Bearer orc_…'; the operator makes keys with 'npm run keys'.",
      );
    const key = /^Bearer +(\S+)$/i.exec(header.trim())?.[1];
    const holder = key === undefined ? undefined : await findHolder(key);
    if (holder === undefined)
      throw new OrchestratorError(
        'unauthenticated',
        'The key in the Authorization header is unknown or revoked. Check it, or ask the operator for a new one.',
      );
    if (holder.isExpired)
      throw new OrchestratorError(
        'unauthenticated',
        `The key in the Authorization header ended at ${holder.expiresAt?.toISOString()}. Ask the operator for a new one ('npm run keys -- rotate ID' before the end of a key keeps its terms).`,
      );
    c.set('keyId', holder.id);
    c.set('requestsPerMinute', holder.requestsPerMinute);
    c.set('tenant', holder.tenant);
    c.set('operator', holder.operator);
    c.set('scopes', holder.scopes);
    await next();
  };
}

/** Lets operators pass only; stands behind one of the two above. Throws `forbidden`. */
export const operatorsOnly: MiddlewareHandler<ApiEnv> = async function operatorsOnlyMiddleware(
  c,
  next,
) {
  if (c.get('operator') !== true)
    throw new OrchestratorError(
      'forbidden',
      "This call is for operators. Make a key that may: 'npm run keys -- create --tenant NAME --operator'.",
    );
  await next();
};

/** Lets keys with the scope pass only; stands behind the others. Throws `forbidden`. */
export const lacksScope = (scopes: readonly string[] | null, scope: Scope): OrchestratorError =>
  new OrchestratorError(
    'forbidden',
    `This key lacks the scope '${scope}' (${SCOPES[scope]}); it has ${scopes?.join(', ') ?? 'none'}. Use a key that has it, made by 'npm run keys -- create --tenant NAME --scope ${scope}'.`,
  );

export const scopeGuard = (scope: Scope): MiddlewareHandler<ApiEnv> =>
  async function scopeMiddleware(c, next) {
    const scopes = c.get('scopes') ?? null;
    if (!allows(scopes, scope)) {
      // RFC 6750, section 3.1.
      c.header(
        'www-authenticate',
        `Bearer realm="orchestrator", error="insufficient_scope", scope="${scope}"`,
      );
      throw lacksScope(scopes, scope);
    }
    await next();
  };
