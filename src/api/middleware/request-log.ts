import type { MiddlewareHandler } from 'hono';
import type { Logger } from '../../ports.ts';
import type { ApiEnv } from '../deps.ts';

/** Query parameters whose values let somebody read pictures or jobs, or look as if they did. */
const SECRET =
  /^(?:sig|token|key|secret|password|authorization|(?:api|access)[_-]?(?:key|token))$/i;
/** Keys and callback secrets, wherever a client puts them by mistake. */
const KEYS = /(orc_|whsec_)[\w+/=-]{8,}/g;
const QUIET = new Set(['/health', '/ready']);

/** One line per request. Query values that are secrets are left out. */
export const requestLog = (logger: Logger, now: () => Date): MiddlewareHandler<ApiEnv> =>
  async function requestLogMiddleware(c, next) {
    const start = now().getTime();
    await next();
    const ms = now().getTime() - start;
    const { pathname, searchParams } = new URL(c.req.url);
    const path = pathname.replace(KEYS, '$1…');
    const line = `${c.req.method} ${path}${shownQuery(searchParams)} ${c.res.status} ${ms} ms`;
    const fields = {
      method: c.req.method,
      path,
      status: c.res.status,
      ms,
      tenant: c.get('tenant'),
      traceId: c.get('traceId'),
    };
    if (c.res.status >= 500) logger.error(fields, line);
    else if (QUIET.has(pathname)) logger.debug(fields, line);
    else logger.info(fields, line);
  };

function shownQuery(query: URLSearchParams): string {
  const shown = [...query].map(([name, value]) =>
    SECRET.test(name)
      ? `${encodeURIComponent(name)}=…`
      : `${encodeURIComponent(name)}=${encodeURIComponent(value.replace(KEYS, '$1…')).slice(0, 100)}`,
  );
  return shown.length > 0 ? `?${shown.join('&')}` : '';
}
