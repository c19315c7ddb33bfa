/** `/v1/servers`: the fleet, for operators. Never shows an address or a credential. */
import { z } from '@hono/zod-openapi';
import { ServerDetail, ServerList, type ServerView } from '../contract/server.ts';
import type { OperatedServer } from '../db/fleet-operations.ts';
import { serverState } from '../domain/server-state.ts';
import { OrchestratorError } from '../errors.ts';
import type { ApiDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { withoutAddresses } from './hidden-addresses.ts';

const TAG = 'Servers';
const Params = z.object({
  serverId: z.string().openapi({ example: 'gpu-a' }),
});
const one = { 200: { description: 'The server', schema: ServerDetail } };

/** Endpoints of the fleet. */
export function serverEndpoints(deps: ApiDeps): readonly Endpoint[] {
  const { fleetOperations: fleet } = deps;

  const detail = async (id: string): Promise<ServerDetail> => {
    const server = await fleet.findServer(nameOf(id));
    if (!server) throw unknownServer(id);
    return toDetail(server);
  };

  const drain = async (id: string, draining: boolean): Promise<ServerDetail> => {
    if (!(await fleet.setDraining(nameOf(id), draining))) throw unknownServer(id);
    // Placement looks at once what a server that takes work again can do.
    deps.onFleetReport();
    return detail(id);
  };

  return [
    endpoint({
      method: 'get',
      path: '/v1/servers',
      access: 'operator',
      scope: 'servers:read',
      tag: TAG,
      summary: 'List ComfyUI servers and what they do',
      responses: { 200: { description: 'The fleet', schema: ServerList } },
      async handle(c) {
        return c.json({ servers: (await fleet.listFleet()).map(toView) });
      },
    }),

    endpoint({
      method: 'get',
      path: '/v1/servers/{serverId}',
      access: 'operator',
      scope: 'servers:read',
      tag: TAG,
      summary: 'Read one server, with the workers that stand at it',
      params: Params,
      responses: one,
      errors: [404],
      handle: async (c, { params }) => c.json(await detail(params.serverId)),
    }),

    endpoint({
      method: 'delete',
      path: '/v1/servers/{serverId}',
      access: 'operator',
      scope: 'servers:write',
      tag: TAG,
      summary: 'Forget a server that is gone',
      description:
        'Refused with 409 while a worker reports of it or a job holds a place on it. A server that is gone is forgotten by itself after SERVER_FORGET_AFTER_HOURS.',
      params: Params,
      responses: { 204: { description: 'Forgotten' } },
      errors: [404, 409],
      async handle(c, { params }) {
        const { serverId } = params;
        const removal = await fleet.removeServer(nameOf(serverId));
        if (removal === 'unknown') throw unknownServer(serverId);
        if (removal !== 'removed') throw inUse(serverId, removal);
        return c.body(null, 204);
      },
    }),

    endpoint({
      method: 'post',
      path: '/v1/servers/{serverId}/drain',
      access: 'operator',
      scope: 'servers:write',
      tag: TAG,
      summary: 'Give a server nothing new; what it has is finished',
      description: 'Lasts until it is resumed, also over restarts. A second time changes nothing.',
      params: Params,
      responses: one,
      errors: [404],
      handle: async (c, { params }) => c.json(await drain(params.serverId, true)),
    }),

    endpoint({
      method: 'post',
      path: '/v1/servers/{serverId}/resume',
      access: 'operator',
      scope: 'servers:write',
      tag: TAG,
      summary: 'Give a drained server jobs again',
      params: Params,
      responses: one,
      errors: [404],
      handle: async (c, { params }) => c.json(await drain(params.serverId, false)),
    }),
  ];
}

/** No server has another name, and not every text can be looked up. Throws `not_found`. */
const nameOf = (id: string): string => {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(id)) throw unknownServer(id);
  return id;
};

const unknownServer = (id: string): OrchestratorError =>
  new OrchestratorError(
    'not_found',
    `There is no server ${JSON.stringify(id.slice(0, 100))}. GET /v1/servers lists them.`,
  );

const inUse = (id: string, why: 'reported' | 'leased'): OrchestratorError =>
  new OrchestratorError(
    'conflict',
    why === 'reported'
      ? `A worker reports of ${id}. Drain it, take it off the worker's COMFY_SERVERS and stop that worker first.`
      : `Jobs still hold a place on ${id}. They are given to other servers after SERVER_LOST_AFTER_SECONDS; try again then.`,
  );

const hidden = (error: string | null): string | null =>
  error === null ? null : withoutAddresses(error);
const time = (date: Date | null): string | null => date?.toISOString() ?? null;

function toView(server: OperatedServer): ServerView {
  const state = serverState(server);
  const answers = state === 'up' || state === 'draining';
  const since =
    state === 'draining'
      ? server.drainingAt
      : state === 'down'
        ? server.downSince
        : state === 'gone'
          ? server.reportedAt
          : null;
  return {
    id: server.id,
    pool: server.pool,
    state,
    since: (since ?? server.changedAt).toISOString(),
    labels: server.labels,
    serves: server.serves,
    room: server.room,
    jobs: server.leases,
    running: answers ? server.running : null,
    waiting: answers ? server.waiting : null,
    loadedModel: server.loadedModel,
    jobsPerHour: server.jobsPerHour,
    drainingSince: time(server.drainingAt),
    error: hidden(server.error),
    lastError:
      server.lastError === null
        ? null
        : { message: withoutAddresses(server.lastError), at: time(server.lastErrorAt) },
    version: server.version,
    device: server.device,
    vramBytes: server.vramBytes,
    modelFiles: server.modelFiles,
    nodeClasses: server.nodeClasses,
    workers: server.workers.length,
    reportedAt: server.reportedAt.toISOString(),
  };
}

const toDetail = (server: OperatedServer): ServerDetail => ({
  ...toView(server),
  workers: server.workers.map(({ id, startedAt, reachable, error, reportedAt }) => ({
    id,
    startedAt: new Date(startedAt).toISOString(),
    reachesServer: reachable,
    error: hidden(error),
    reportedAt: new Date(reportedAt).toISOString(),
  })),
});
