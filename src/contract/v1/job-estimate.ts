/** The answer to `whatif=true`: what jobs would cost, without an id because there are none. */
import { z } from '@hono/zod-openapi';
import { roundedCost } from '../../domain/cost.ts';
import type { JobRow } from '../../db/job-row.ts';
import { jobStatuses } from './job-status.ts';
import type { StatusOptions } from './status-options.ts';
import { ServiceProvider } from './queue-position.ts';

export const JobEstimates = z
  .object({
    token: z.literal('').openapi({ description: 'Empty: nothing was stored' }),
    cost: z.number().openapi({ description: 'Of all jobs together' }),
    jobs: z.array(
      z
        .object({
          job: z.record(z.string(), z.unknown()).optional(),
          cost: z.number(),
          properties: z.record(z.string(), z.unknown()),
          serviceProviders: z.record(z.string(), ServiceProvider),
          scheduled: z.literal(false),
        })
        .openapi('JobEstimate'),
    ),
  })
  .openapi('JobEstimates');
type JobEstimates = z.infer<typeof JobEstimates>;

/** Of jobs as they would be accepted. */
export function jobEstimates(rows: readonly JobRow[], options: StatusOptions): JobEstimates {
  const jobs = jobStatuses(rows, options).map(
    ({ job, cost, properties, serviceProviders = {} }) => {
      const { id: _id, ...shown } = job ?? {};
      return {
        ...(job ? { job: shown } : {}),
        ...{ cost, properties, serviceProviders },
        scheduled: false as const,
      };
    },
  );
  return { token: '', cost: roundedCost(jobs.reduce((sum, { cost }) => sum + cost, 0)), jobs };
}
