/** Servers as operators see them: ours, not of the originals. */
import { z } from '@hono/zod-openapi';
import { SERVER_STATES } from '../domain/server-state.ts';

const moment = z.iso.datetime();

const fields = {
  id: z.string(),
  pool: z.string(),
  state: z.enum(SERVER_STATES).openapi({
    description:
      'up; draining: it finishes what it has and takes nothing new; down: it does not answer; gone: no worker reports of it',
  }),
  since: moment.openapi({ description: 'Since when it is in this state' }),
  labels: z.record(z.string(), z.string()),
  serves: z.object({ ecosystems: z.array(z.string()).readonly().optional() }).openapi({
    description: 'What it may serve; a list that is absent means everything',
  }),
  room: z.int().openapi({ description: 'Jobs given to it at a time' }),
  jobs: z.int().openapi({ description: 'Jobs that hold a place on it' }),
  running: z.int().nullable().openapi({
    description: 'Prompts it runs, whoever sent them; null while it does not answer',
  }),
  waiting: z.int().nullable(),
  loadedModel: z.string().nullable().openapi({ description: 'Checkpoint of its latest drawing' }),
  jobsPerHour: z.int().openapi({ description: 'Jobs it finished in the last hour' }),
  drainingSince: moment.nullable(),
  error: z
    .string()
    .nullable()
    .openapi({ description: 'What is wrong now; addresses are left out' }),
  lastError: z.object({ message: z.string(), at: moment.nullable() }).nullable(),
  version: z.string().nullable(),
  device: z.string().nullable(),
  vramBytes: z.int().nullable(),
  modelFiles: z.int(),
  nodeClasses: z.int(),
  workers: z.int().openapi({ description: 'Worker processes that stand at it' }),
  reportedAt: moment,
};

export const ServerView = z.object(fields).openapi('Server');
export type ServerView = z.output<typeof ServerView>;

export const ServerDetail = z
  .object({
    ...fields,
    workers: z.array(
      z.object({
        id: z.string(),
        startedAt: moment,
        reachesServer: z.boolean(),
        error: z.string().nullable(),
        reportedAt: moment,
      }),
    ),
  })
  .openapi('ServerDetail');
export type ServerDetail = z.output<typeof ServerDetail>;

export const ServerList = z.object({ servers: z.array(ServerView) }).openapi('ServerList');
