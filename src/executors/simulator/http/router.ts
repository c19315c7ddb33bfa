import type { Handler, Route } from './exchange.ts';

export interface Match {
  readonly handle: Handler;
  readonly params: Readonly<Record<string, string>>;
}

const matchPath = (pattern: string, path: string): Record<string, string> | undefined => {
  const wanted = pattern.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? '';
    if (part.startsWith(':')) {
      if (value === '') return undefined;
      params[part.slice(1)] = decodeURIComponent(value);
    } else if (part !== value) return undefined;
  }
  return params;
};

/** Finds the route for a path; otherwise gives the methods that would do. */
export const createRouter = (routes: readonly Route[]) => {
  const all = routes.flatMap((route) =>
    route.apiOnly || route.path.startsWith('/sim/')
      ? [route]
      : [route, { ...route, path: `/api${route.path}` }],
  );
  return (method: string, path: string): Match | { readonly allowed: string[] } => {
    // The static files of a real server lie below everything: GET is allowed anywhere.
    const allowed = new Set(['GET', 'HEAD']);
    for (const route of all) {
      const params = matchPath(route.path, path);
      if (!params) continue;
      // A GET route answers HEAD too.
      if (route.method === method || (route.method === 'GET' && method === 'HEAD')) {
        return { handle: route.handle, params };
      }
      allowed.add(route.method);
    }
    return { allowed: [...allowed].sort() };
  };
};
