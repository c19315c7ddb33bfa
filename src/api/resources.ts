/** `/v2/resources` */
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { queryInteger } from '../contract/query-values.ts';
import {
  fromResource,
  mergeResource,
  MergeResourceBody,
  NewResourceBody,
  ReplaceResourceBody,
  Resource,
  ResourcePage,
  toNewResource,
  typeProblem,
} from '../contract/v2/resource.ts';
import { ResourceInfo, ResourceShape, toResourceInfo } from '../contract/v2/resource-info.ts';
import { textProblem } from '../contract/safe-text.ts';
import { shown } from '../contract/field-errors.ts';
import type { Resource as StoredResource } from '../db/resources.ts';
import { decodeAirPath, formatAir, parseAir } from '../domain/air.ts';
import type { MatchRule } from '../domain/resource-match.ts';
import { OrchestratorError } from '../errors.ts';
import { ambiguousAir } from './ambiguous-air.ts';
import type { ApiDeps, ApiEnv } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { JSON_TYPE } from './middleware/json-body.ts';
import { createModelAvailability } from './model-availability.ts';

const TAG = 'Resources (v2)';
const PATH = '/v2/resources';
const ONE = {
  path: `${PATH}/{air}`,
  pattern: `${PATH}/:air{.+}`,
  access: 'tenant',
  tag: TAG,
} as const;

const AirParams = z.object({
  air: z.string().openapi({
    description: 'AIR, raw or percent-encoded, or its short form `@civitai/128078`',
    example: 'urn:air:sdxl:checkpoint:civitai:101055@128078',
  }),
});
const item = { description: 'The resource', schema: Resource };

/** Endpoints of the catalogue. */
export function resourceEndpoints(deps: ApiDeps): readonly Endpoint[] {
  const { resources } = deps;
  const availability = createModelAvailability(deps);

  /**
   * The entry a path names: `strict` must have every part that the path gives, `lenient` is what a job with this AIR would
   * use. Throws `invalid_air`, `ambiguous_resource`, `not_found`.
   */
  async function getResource(
    c: Context<ApiEnv>,
    tenant: string,
    rule: MatchRule,
  ): Promise<StoredResource> {
    const air = airOfPath(c);
    const matches = (await resources.listMatches(tenant, [air], rule)).get(air) ?? [];
    const [resource, ...others] = matches;
    if (!resource) throw notFound(air);
    if (others.length === 0) return resource;
    const message = ambiguousAir(air, matches);
    throw new OrchestratorError('ambiguous_resource', `The ${message}.`, {
      fields: [{ path: 'air', message }],
    });
  }
  async function changeResource(
    c: Context<ApiEnv>,
    tenant: string,
    bodyAir: string | undefined,
    change: Parameters<typeof resources.updateResource>[2],
  ): Promise<Response> {
    const { air } = await getResource(c, tenant, 'strict');
    requireSameAir(air, bodyAir);
    const changed = await resources.updateResource(tenant, air, (current) => {
      const next = change(current);
      requireType(next.air, next.type);
      return next;
    });
    if (!changed) throw notFound(air);
    return c.json(fromResource(changed));
  }

  return [
    endpoint({
      method: 'get',
      path: PATH,
      access: 'tenant',
      scope: 'resources:read',
      tag: TAG,
      summary: 'List resources',
      query: z.object({
        page: queryInteger(1, 1_000_000, 1, 'Page, from 1'),
        limit: queryInteger(1, 200, 20, 'Entries per page'),
        q: z
          .string()
          .max(200)
          .refine((text) => textProblem(text) === undefined, {
            error: () => 'contains unusable characters',
          })
          .optional()
          .openapi({
            description: 'Text looked for in AIR, name, type and description',
            example: 'sdxl',
          }),
      }),
      responses: { 200: { description: 'A page', schema: ResourcePage } },
      errors: [400],
      async handle(c, { query, caller }) {
        const { page, limit, q } = query;
        const found = await resources.listResources(caller.tenant, {
          page,
          limit,
          ...(q === undefined ? {} : { q }),
        });
        return c.json({ page, limit, total: found.total, items: found.items.map(fromResource) });
      },
    }),

    endpoint({
      method: 'post',
      path: PATH,
      access: 'tenant',
      scope: 'resources:write',
      tag: TAG,
      summary: 'Add a resource',
      body: { schema: NewResourceBody },
      responses: { 201: { description: 'Added', schema: Resource } },
      errors: [400, 409, 413, 415],
      async handle(c, { body, caller }) {
        requireType(body.air, body.type);
        const stored = await resources.insertResource(caller.tenant, toNewResource(body.air, body));
        c.header('location', `${PATH}/${stored.air}`);
        return c.json(fromResource(stored), 201);
      },
    }),

    endpoint({
      ...ONE,
      method: 'get',
      scope: 'resources:read',
      summary: 'Read a resource',
      description:
        'The entry that a job with this AIR would use, also in the shape of Civitai: `?shape=ResourceInfo`.',
      params: AirParams,
      query: z.object({ shape: ResourceShape }),
      responses: {
        200: { description: 'The resource', schema: z.union([Resource, ResourceInfo]) },
      },
      errors: [400, 404],
      async handle(c, { query, caller }) {
        const resource = await getResource(c, caller.tenant, 'lenient');
        if (query.shape === 'Resource') return c.json(fromResource(resource));
        return c.json(toResourceInfo(resource, (await availability())(resource)));
      },
    }),

    endpoint({
      ...ONE,
      method: 'put',
      scope: 'resources:write',
      summary: 'Replace a resource',
      description: 'Fields that are left out are removed.',
      params: AirParams,
      body: { schema: ReplaceResourceBody },
      responses: { 200: item },
      errors: [400, 404, 413, 415],
      handle: (c, { body, caller }) =>
        changeResource(c, caller.tenant, body.air, (current) => toNewResource(current.air, body)),
    }),

    endpoint({
      ...ONE,
      method: 'patch',
      scope: 'resources:write',
      summary: 'Change fields of a resource',
      description:
        'A JSON merge patch: fields that are left out stay, null removes an optional one.',
      params: AirParams,
      body: { schema: MergeResourceBody, mediaTypes: [JSON_TYPE, 'application/merge-patch+json'] },
      responses: { 200: item },
      errors: [400, 404, 413, 415],
      handle: (c, { body, caller }) =>
        changeResource(c, caller.tenant, body.air, (current) => mergeResource(current, body)),
    }),

    endpoint({
      ...ONE,
      method: 'delete',
      scope: 'resources:write',
      summary: 'Remove a resource',
      description: 'The file stays where it is; jobs that were accepted still run.',
      params: AirParams,
      responses: { 204: { description: 'Removed' } },
      errors: [400, 404],
      async handle(c, { caller }) {
        const { air } = await getResource(c, caller.tenant, 'strict');
        if (!(await resources.deleteResource(caller.tenant, air))) throw notFound(air);
        return c.body(null, 204);
      },
    }),
  ];
}

// Hono decodes path parameters once already where that works; the raw path decides, so that nothing is decoded twice.
function airOfPath(c: Context<ApiEnv>): string {
  const { pathname } = new URL(c.req.url);
  const air = decodeAirPath(pathname.slice(PATH.length + 1));
  parseAir(air);
  return air;
}

function requireSameAir(air: string, bodyAir: string | undefined): void {
  if (bodyAir === undefined || formatAir(parseAir(bodyAir)) === air) return;
  throw new OrchestratorError(
    'invalid_request',
    `air: the path names ${air}, the body ${shown(bodyAir)}. An AIR cannot be changed; add the other one with POST ${PATH}.`,
    { fields: [{ path: 'air', message: `expected ${air} or nothing; seen ${shown(bodyAir)}` }] },
  );
}

function requireType(air: string, type: string): void {
  const message = typeProblem(air, type);
  if (message === undefined) return;
  throw new OrchestratorError('invalid_request', `type: ${message}`, {
    fields: [{ path: 'type', message }],
  });
}

const notFound = (air: string): OrchestratorError =>
  new OrchestratorError(
    'not_found',
    `Resource ${shown(air)} is not in the catalogue. List it with GET ${PATH} or add it with POST ${PATH}.`,
  );
