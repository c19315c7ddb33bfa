import { z } from '@hono/zod-openapi';

/** `{jobId}` of a path. */
export const JobParams = z.object({
  jobId: z
    .guid({ error: () => 'expected a job id, which is a UUID' })
    .transform((id) => id.toLowerCase())
    .openapi({ type: 'string', format: 'uuid' }),
});
