/** How a route is declared: once, for the documentation, the validation and the access rule. */
import { STATUS_CODES } from 'node:http';
import type { OpenAPIHono, RouteConfig } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import type { z } from 'zod';
import { isAirIssue } from '../contract/air-text.ts';
import { fieldErrors } from '../contract/field-errors.ts';
import { Problem } from '../contract/problem.ts';
import { OrchestratorError, type FieldError } from '../errors.ts';
import type { Caller } from '../client/verbs.ts';
import type { Scope } from '../domain/scopes.ts';
import type { ApiDeps, ApiEnv } from './deps.ts';
import { keyAuth, openAuth, operatorsOnly, scopeGuard } from './middleware/auth.ts';
import { rateLimit } from './middleware/rate-limit.ts';
import { workerAuth } from './middleware/worker-auth.ts';
import { JSON_TYPE, readJson } from './middleware/json-body.ts';

export type Api = OpenAPIHono<ApiEnv>;
type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
/** `tenant`: a key with AUTH=keys that has `scope`; `operator`: one that may operate, too. */
interface Keyed {
  readonly access: 'tenant' | 'operator';
  readonly scope: Scope;
}
/** `signature`: the link proves it; `worker`: WORKER_KEY; `public`: everybody. */
interface Unkeyed {
  readonly access: 'signature' | 'worker' | 'public';
  readonly scope?: never;
}
type Access = (Keyed | Unkeyed)['access'];

interface Request<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly caller: Caller;
}

export interface Endpoint<
  P extends z.ZodType = z.ZodType,
  Q extends z.ZodType = z.ZodType,
  B extends z.ZodType = z.ZodType,
> {
  readonly method: Method;
  /** As OpenAPI writes it: `/v1/consumer/jobs/{jobId}`. */
  readonly path: string;
  /** Where Hono needs another pattern: `/v2/resources/:air{.+}`. */
  readonly pattern?: string;
  readonly access: Access;
  /** What the key must be allowed to do; there is one wherever a key is needed. */
  readonly scope?: Scope;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: P;
  readonly query?: Q;
  /** Names of query parameters that may stand several times; they are lists. Of any other the first counts. */
  readonly repeated?: readonly string[];
  readonly headers?: z.ZodObject;
  /** The body is read as JSON and checked against `schema`; with `check: false` the handler does that. */
  readonly body?: {
    readonly schema: B;
    readonly mediaTypes?: readonly string[];
    readonly check?: false;
  };
  readonly responses: Readonly<
    Record<
      number,
      { readonly description: string; readonly schema?: z.ZodType; readonly mediaType?: string }
    >
  >;
  readonly errors?: readonly number[];
  readonly handle: (
    c: Context<ApiEnv>,
    request: Request<z.output<P>, z.output<Q>, z.output<B>>,
  ) => Promise<Response> | Response;
}

/** Keeps the schemas' types while endpoints travel in one list. */
export const endpoint = <P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
  definition: Endpoint<P, Q, B> & (Keyed | Unkeyed),
): Endpoint => definition;

/** Mounts the endpoints; a known path with another method answers 405 with `Allow`. */
export function mountEndpoints(api: Api, deps: ApiDeps, endpoints: readonly Endpoint[]): void {
  const tenantAuth = deps.config.AUTH === 'open' ? openAuth() : keyAuth(deps.keys, deps.now);
  const auths = {
    tenant: [tenantAuth, rateLimit(deps)],
    operator: [tenantAuth, rateLimit(deps), operatorsOnly],
    worker: [workerAuth(deps.config)],
    signature: [],
    public: [],
  } satisfies Auths;
  const byPattern = new Map<string, Endpoint[]>();
  for (const definition of endpoints) {
    api.openAPIRegistry.registerPath(toRoute(definition));
    const pattern = definition.pattern ?? definition.path.replace(/\{(\w+)\}/g, ':$1');
    byPattern.set(pattern, [...(byPattern.get(pattern) ?? []), definition]);
  }
  // Whole paths first, with all their methods: `/jobs/query` is no job.
  const isWhole = ([pattern]: readonly [string, unknown]): boolean => !pattern.includes(':');
  const ordered = [...byPattern].sort(
    (one, other) => Number(isWhole(other)) - Number(isWhole(one)),
  );
  for (const [pattern, definitions] of ordered) {
    const methods = new Set<string>();
    for (const definition of definitions) {
      methods.add(definition.method.toUpperCase());
      if (definition.method === 'get') methods.add('HEAD');
      api.on(
        definition.method.toUpperCase(),
        pattern,
        ...guards([...auths[definition.access], ...scopeGuards(definition)]),
        async (c) => definition.handle(c, await readRequest(c, definition, deps)),
      );
    }
    const [{ access } = { access: 'public' as const }] = definitions;
    // What workers may call is in the document; which methods, too.
    api.all(pattern, ...guards(access === 'worker' ? [] : auths[access]), (c) => {
      const allow = [...methods].sort().join(', ');
      c.header('allow', allow);
      throw new OrchestratorError(
        'method_not_allowed',
        `${c.req.method} is not possible here. Use ${allow}; /docs lists every call.`,
      );
    });
  }
}

type Guard = MiddlewareHandler<ApiEnv>;
type Auths = Readonly<Record<Access, readonly Guard[]>>;

const pass: Guard = (_c, next) => next();

const scopeGuards = ({ scope }: Endpoint): readonly Guard[] =>
  scope === undefined ? [] : [scopeGuard(scope)];

/** Always four, because Hono types a route by the number of its handlers. */
const guards = ([first = pass, second = pass, third = pass, fourth = pass]: readonly Guard[]): [
  Guard,
  Guard,
  Guard,
  Guard,
] => [first, second, third, fourth];

async function readRequest(
  c: Context<ApiEnv>,
  definition: Endpoint,
  deps: ApiDeps,
): Promise<Request<unknown, unknown, unknown>> {
  const faults: FieldError[] = [];
  let isAirFault = true;
  const check = (schema: z.ZodType | undefined, value: unknown): unknown => {
    if (!schema) return undefined;
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    faults.push(...fieldErrors(result.error.issues, value));
    isAirFault &&= result.error.issues.every(isAirIssue);
    return undefined;
  };
  const throwFaults = (): void => {
    if (faults.length > 0) throw requestFault(faults, isAirFault);
  };
  const params = check(definition.params, c.req.param());
  const lists = definition.repeated?.flatMap((name) => {
    const values = c.req.queries(name);
    return values ? [[name, values] as const] : [];
  });
  const query = check(definition.query, { ...c.req.query(), ...Object.fromEntries(lists ?? []) });
  // Reported before the body is read: a wrong address makes the body moot.
  throwFaults();
  let body: unknown;
  if (definition.body) {
    const { mediaTypes = [JSON_TYPE], schema } = definition.body;
    const json = await readJson(c, deps.config.MAX_BODY_BYTES, mediaTypes);
    body = definition.body.check === false ? json : check(schema, json);
    throwFaults();
  }
  return {
    params,
    query,
    body,
    caller: { tenant: c.get('tenant') ?? '', traceId: c.get('traceId') },
  };
}

function requestFault(faults: readonly FieldError[], isAirFault: boolean): OrchestratorError {
  const named = faults
    .slice(0, 3)
    .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  const more = faults.length > 3 ? ` (and ${faults.length - 3} more, see errors)` : '';
  const code = isAirFault ? 'invalid_air' : 'invalid_request';
  return new OrchestratorError(code, `${named.join('. ')}${more}`, { fields: faults });
}

function toRoute(definition: Endpoint): RouteConfig {
  const errors = [
    ...(definition.errors ?? []),
    // Node refuses a request line and headers of more than 16 KB together.
    ...(definition.query || definition.params || definition.headers ? [431] : []),
    ...(definition.scope === undefined ? [] : [401, 403, 429]),
    500,
    503,
  ];
  const problems = Object.fromEntries(
    errors.map((status) => [
      status,
      {
        description: STATUS_CODES[status] ?? 'Problem',
        content: { 'application/problem+json': { schema: Problem } },
      },
    ]),
  );
  const answers = Object.fromEntries(
    Object.entries(definition.responses).map(([status, { description, schema, mediaType }]) => [
      status,
      { description, ...(schema ? { content: { [mediaType ?? JSON_TYPE]: { schema } } } : {}) },
    ]),
  );
  const { params, query, headers, body } = definition;
  return {
    method: definition.method,
    path: definition.path,
    tags: [definition.tag],
    summary: definition.summary,
    ...(definition.description === undefined ? {} : { description: definition.description }),
    security: definition.scope === undefined ? [] : [{ key: [definition.scope] }],
    request: {
      ...(params ? { params: params as z.ZodObject } : {}),
      ...(query ? { query: query as z.ZodObject } : {}),
      ...(headers ? { headers } : {}),
      ...(body
        ? {
            body: {
              required: true,
              content: Object.fromEntries(
                (body.mediaTypes ?? [JSON_TYPE]).map((type) => [type, { schema: body.schema }]),
              ),
            },
          }
        : {}),
    },
    responses: { ...answers, ...problems },
  };
}
