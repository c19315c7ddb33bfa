/** `serviceProviders` of a v1 status: whether a job can run, and where it stands while it waits. */
import { z } from '@hono/zod-openapi';
import type { Waiting } from '../../domain/why-waiting.ts';
import { wireDate, wireDuration } from './wire-time.ts';

const QueuePosition = z
  .object({
    precedingJobs: z.int().openapi({ description: 'Jobs that should get a server before it' }),
    precedingCost: z.number().openapi({ description: 'What they cost' }),
    throughputRate: z.number().optional().openapi({
      description: 'Jobs an hour that the pool got through lately, while it had work',
    }),
    estimatedStartDuration: z.string().optional().openapi({ example: '00:00:42.0000000' }),
    estimatedStartDate: z.string().optional(),
  })
  .openapi('QueuePosition', { description: 'While the job waits for a server; an estimate' });

export const ServiceProvider = z
  .object({
    support: z.enum(['Available', 'Unavailable']),
    queuePosition: QueuePosition.optional(),
  })
  .openapi('ServiceProvider');
export type ServiceProvider = z.infer<typeof ServiceProvider>;

const rounded = (value: number): number => Math.round(value * 100) / 100;

/** Undefined for a job that does not wait. */
export function serviceProvider(waiting: Waiting | undefined, now: Date): ServiceProvider {
  if (!waiting) return { support: 'Available' };
  const { place, jobsPerHour, startsInMs } = waiting;
  return {
    support: waiting.isPossible ? 'Available' : 'Unavailable',
    queuePosition: {
      precedingJobs: place.precedingJobs,
      precedingCost: rounded(place.precedingCost),
      ...(jobsPerHour === undefined ? {} : { throughputRate: rounded(jobsPerHour) }),
      ...(startsInMs === undefined
        ? {}
        : {
            estimatedStartDuration: wireDuration(startsInMs),
            estimatedStartDate: wireDate(new Date(now.getTime() + startsInMs)),
          }),
    },
  };
}
