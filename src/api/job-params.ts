/** What calls of jobs take from path and query. */
import { z } from '@hono/zod-openapi';
import { queryFlag } from '../contract/query-values.ts';
import { JobStatusCollection } from '../contract/v1/job-status.ts';

/** `{jobId}` of a path. */
export const JobParams = z.object({
  jobId: z
    .guid({ error: () => 'expected a job id, which is a UUID' })
    .transform((id) => id.toLowerCase())
    .openapi({ type: 'string', format: 'uuid' }),
});

export const detailed = queryFlag(
  false,
  'Adds `job`: the job as it was accepted, with its real seed',
);
export const wait = queryFlag(
  false,
  'Holds the answer until all jobs have ended, at most WAIT_LIMIT_MS',
);
export const whatif = queryFlag(
  false,
  'Checks the request and says what it would cost; nothing is stored',
);
export const charge = queryFlag(true, 'Accepted for compatibility; nothing is charged');
export const force = queryFlag(
  true,
  'Also jobs that a server has; with false only those that still wait are cancelled',
);
export const token = z
  .string({ error: () => "is required: the 'token' of the answer to your POST" })
  .min(1)
  .openapi({
    description: 'Token of a collection',
    example: 'eyJKb2JzIjpbIjM3ZDlkODYzLTc5MjgtNDFjMS1iYzgzLTYyNmMwMDk5NTEzNyJdfQ==',
  });

export const collection = {
  description: 'The jobs and their token',
  schema: JobStatusCollection,
};
