import type { Context, MiddlewareHandler } from 'hono';
import { OrchestratorError } from '../../errors.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { WINDOW_SECONDS, type RateVerdict } from '../rate-limiter.ts';

/** Name of the policy in the headers. */
const POLICY = 'requests';

/** Requests a minute that the caller of this request may make; 0 for no limit. */
export const requestLimit = async (
  c: Context<ApiEnv>,
  deps: Pick<ApiDeps, 'tenantLimits'>,
): Promise<number> =>
  c.get('requestsPerMinute') ??
  (await deps.tenantLimits())(c.get('tenant') ?? '').requestsPerMinute ??
  0;

/**
 * Counts the request against the limit of its key, or of everybody with AUTH=open; stands behind the authentication.
 * Throws `rate_limited`.
 */
export const rateLimit = (deps: ApiDeps): MiddlewareHandler<ApiEnv> =>
  async function rateLimitMiddleware(c, next) {
    const { keyId, tenant = '' } = c.var;
    const limit = await requestLimit(c, deps);
    if (limit === 0) return next();
    const subject = keyId === undefined ? `tenant:${tenant}` : `key:${keyId}`;
    const verdict = await deps.rateLimiter.count(subject, limit);
    if (!verdict.isAllowed) {
      setHeaders(c, verdict);
      throw new OrchestratorError(
        'rate_limited',
        `${keyId === undefined ? 'All callers together have' : 'This key has'} made the ${limit} requests a minute that are allowed. Send this one again in ${verdict.resetSeconds} seconds.`,
        { retryable: true, retryAfterSeconds: verdict.resetSeconds },
      );
    }
    await next();
    setHeaders(c, verdict);
  };

/**
 * `RateLimit` and `RateLimit-Policy` as of https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/10/, and
 * the three fields of its drafts up to 06, which most clients read.
 */
function setHeaders(c: Context<ApiEnv>, { limit, remaining, resetSeconds }: RateVerdict): void {
  c.header('ratelimit-policy', `"${POLICY}";q=${limit};w=${WINDOW_SECONDS}`);
  c.header('ratelimit', `"${POLICY}";r=${remaining};t=${resetSeconds}`);
  c.header('ratelimit-limit', String(limit));
  c.header('ratelimit-remaining', String(remaining));
  c.header('ratelimit-reset', String(resetSeconds));
}
