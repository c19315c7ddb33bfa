/** `/internal`: what gpu workers without a database report. Nothing correct depends on it. */
import { z } from '@hono/zod-openapi';
import { MOST_PREVIEW_BYTES, previewType } from '../domain/preview.ts';
import { OrchestratorError } from '../errors.ts';
import type { FleetReport, Preview } from '../ports.ts';
import type { ApiDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { ServerName } from './server-name.ts';

const text = z.string().max(2_000);

const Report = z.object({
  pool: ServerName,
  room: z.union([z.literal('auto'), z.int().min(1).max(64)], {
    error: () => 'expected auto, or a whole number from 1 to 64',
  }),
  labels: z.record(ServerName, z.string().max(200)).optional(),
  serves: z.object({ ecosystems: z.array(text).optional() }).optional(),
  worker: z.object({ id: z.guid(), startedAt: z.iso.datetime() }).optional(),
  reachable: z.boolean(),
  error: text.optional(),
  version: text.optional(),
  device: text.optional(),
  vramBytes: z.int().min(0).optional(),
  bootId: text.optional(),
  files: z.record(z.string().max(200), z.array(z.string().max(1_000))).optional(),
  nodeClasses: z.array(z.string().max(500)).optional(),
  listsHash: text.optional(),
  running: z.int().min(0).optional(),
  waiting: z.int().min(0).optional(),
});

const Answer = z.object({
  wantsLists: z.boolean().openapi({
    description:
      'The lists of this hash are not known yet: the same report is to be sent with them',
  }),
  changed: z.boolean(),
});

const ProgressBody = z.object({
  promptId: z.guid(),
  fraction: z.number().min(0).max(1),
  node: z.string().max(200).optional(),
  preview: z
    .base64()
    .max(Math.ceil(MOST_PREVIEW_BYTES / 3) * 4)
    .transform((text, context): Preview => {
      const bytes = Buffer.from(text, 'base64');
      const contentType = previewType(bytes);
      if (contentType) return { contentType, bytes };
      context.addIssue({ code: 'custom', message: 'expected a JPEG, PNG or WebP' });
      return z.NEVER;
    })
    .optional()
    .openapi({ type: 'string' }),
});

/** Endpoints of the workers' channel. */
export const internalEndpoints = (deps: ApiDeps): readonly Endpoint[] => [
  endpoint({
    method: 'put',
    path: '/internal/servers/{serverId}',
    access: 'worker',
    tag: 'Internal',
    summary: 'Report how a ComfyUI server is',
    description: 'Sent by gpu workers that have no database; needs a worker key.',
    params: z.object({ serverId: ServerName }),
    body: { schema: Report },
    responses: { 200: { description: 'Noted', schema: Answer } },
    errors: [400, 401, 403, 413, 415],
    async handle(c, { params, body }) {
      const report = { ...withoutUndefined(body), serverId: params.serverId };
      const answer = await deps.fleetReports.report(report as FleetReport);
      if (answer.changed) deps.onFleetReport();
      return c.json(answer);
    },
  }),

  endpoint({
    method: 'delete',
    path: '/internal/servers/{serverId}/workers/{workerId}',
    access: 'worker',
    tag: 'Internal',
    summary: 'Report that a worker takes nothing new at a ComfyUI server',
    description:
      'Sent by a gpu worker that stops; needs a worker key. An unknown worker is no error.',
    params: z.object({ serverId: ServerName, workerId: z.guid() }),
    responses: { 204: { description: 'Noted' } },
    errors: [400, 401, 403],
    async handle(c, { params }) {
      await deps.fleetReports.leave(params);
      deps.onFleetReport();
      return c.body(null, 204);
    },
  }),

  endpoint({
    method: 'post',
    path: '/internal/servers/{serverId}/drawn',
    access: 'worker',
    tag: 'Internal',
    summary: 'Report that a ComfyUI server is through with a prompt',
    description:
      'Gives the room on the server to the next job while the result is still being stored; needs a worker key. A prompt that holds no lease there is no error.',
    params: z.object({ serverId: ServerName }),
    body: { schema: z.object({ promptId: z.guid(), drawMs: z.number().min(0).optional() }) },
    responses: { 204: { description: 'Noted' } },
    errors: [400, 401, 403, 413, 415],
    async handle(c, { params, body }) {
      await deps.fleetReports.reportDrawn({
        serverId: params.serverId,
        ...withoutUndefined(body),
      });
      deps.onFleetReport();
      return c.body(null, 204);
    },
  }),

  endpoint({
    method: 'put',
    path: '/internal/servers/{serverId}/progress',
    access: 'worker',
    tag: 'Internal',
    summary: 'Report how far a drawing is',
    description:
      'Shown by GET job while the drawing lasts; needs a worker key. A preview is a JPEG, PNG or WebP of at most 512 KB in base64.',
    params: z.object({ serverId: ServerName }),
    body: { schema: ProgressBody },
    responses: { 204: { description: 'Noted' } },
    errors: [400, 401, 403, 409, 413, 415],
    async handle(c, { params: { serverId }, body: { promptId, fraction, node, preview } }) {
      const isNoted = await deps.progress.report({
        serverId,
        promptId,
        fraction,
        ...(node === undefined ? {} : { node }),
        ...(preview === undefined ? {} : { preview }),
      });
      if (isNoted) return c.body(null, 204);
      throw new OrchestratorError(
        'lease_lost',
        `Server ${serverId} holds no lease for prompt ${promptId}; its progress is shown no more.`,
        { status: 409 },
      );
    },
  }),
];

/** What zod leaves as `undefined` is absent for the port. */
function withoutUndefined<T extends object>(
  value: T,
): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(value).filter(([, field]) => field !== undefined),
  ) as never;
}
