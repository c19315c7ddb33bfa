/** Fields that every job type has. */
import { z } from '@hono/zod-openapi';
import { Dependencies } from '../dependencies.ts';
import { JobProperties } from '../job-properties.ts';
import { CALLBACK_EVENTS, DEFAULT_CALLBACK_EVENTS } from '../../../domain/callback.ts';
import { Priority } from '../priority.ts';
import { TimeSpan } from '../time-span.ts';

const MAX_PROVIDERS = 50;

/** To be spread into the schema of a job type. */
export const commonFields = {
  priority: Priority.nullish(),
  properties: JobProperties.nullish().openapi({ example: { userId: 'u-17' } }),
  name: z
    .string()
    .max(200)
    .nullish()
    .openapi({ description: 'By which other jobs of the request depend on it' }),
  callbackUrl: z
    .url({ protocol: /^https?$/, error: () => 'expected an http or https URL' })
    .max(2000)
    .nullish()
    .openapi({
      description:
        'Gets the job event when a server is claimed and when the job ends, signed as Standard Webhooks says; an address of the internet',
      example: 'https://example.org/hook',
    }),
  callbackEvents: z
    .array(z.enum(CALLBACK_EVENTS))
    .min(1)
    .max(CALLBACK_EVENTS.length)
    .nullish()
    .openapi({
      description: `Events that \`callbackUrl\` gets (default: ${DEFAULT_CALLBACK_EVENTS.join(', ')})`,
      example: ['Updated', 'Succeeded', 'Failed'],
    }),
  expireAt: z.iso
    .datetime({
      offset: true,
      error: () => 'expected an ISO 8601 date-time such as 2030-01-31T12:00:00Z',
    })
    .nullish()
    .openapi({ description: 'A job that was not started by then expires (default: 24 hours)' }),
  retries: z
    .int()
    .min(0)
    .max(20)
    .nullish()
    .openapi({ description: 'Further attempts after the first' }),
  providers: z
    .array(z.string().min(1).max(100).nullable())
    .max(MAX_PROVIDERS)
    .nullish()
    .openapi({
      description:
        'Kept and shown; whatever they are, the servers of this installation run the job',
      example: ['Civitai'],
    }),
  timeout: TimeSpan.nullish().openapi({
    description:
      'How long one drawing may take from its beginning; the job then fails with `timed_out` (default, and at most: the limit of its class, 30 minutes for pictures)',
  }),
  dependencies: Dependencies.nullish(),
};

export type CommonRequest = z.infer<z.ZodObject<typeof commonFields>>;

/** Of job types that can be asked for several times in one request. */
export const quantityField = {
  quantity: z
    .int()
    .min(1)
    .max(100)
    .nullish()
    .openapi({ description: 'Jobs to make (default 1)', example: 1 }),
};
