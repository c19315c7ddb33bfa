import { z } from '@hono/zod-openapi';

const limit = z.int().nullable().openapi({ description: 'Null: no limit' });
const used = z.int();

/** What a tenant may use and what it uses; ours, Civitai has nothing like it. */
export const Quota = z
  .object({
    tenant: z.string(),
    jobsPerDay: z.object({
      used: used.openapi({ description: 'Accepted since midnight UTC' }),
      limit,
      resetsAt: z.iso.datetime().openapi({ description: 'The next midnight UTC' }),
    }),
    queued: z.object({ used, limit }),
    running: z.object({ used: used.openapi({ description: 'On servers' }), limit }),
    storedBytes: z.object({
      used: used.openapi({ description: 'Of files whose retention has not ended' }),
      limit,
    }),
    requestsPerMinute: z.object({
      limit: limit.openapi({ description: 'Of the key that asks. Null: no limit' }),
    }),
  })
  .openapi('Quota');
export type Quota = z.infer<typeof Quota>;
