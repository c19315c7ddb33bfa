/** Wire of the calls that read or mark many jobs: query, taint, consumption, requests. */
import { z } from '@hono/zod-openapi';
import { LastEvent } from './last-event.ts';
import { JobStatus } from './job-status.ts';
import { JobProperties } from './job-properties.ts';

const MAX_REASON_LENGTH = 1_000;

export const QueryJobsRequest = z
  .object({
    cursor: z
      .string()
      .nullish()
      .openapi({ description: 'That of the page before, unchanged; absent for the first page' }),
    jobType: z
      .string()
      .max(100)
      .nullish()
      .openapi({ description: 'Only jobs of this type, in any casing', example: 'textToImage' }),
    properties: JobProperties.nullish().openapi({
      description: 'Only jobs whose properties contain these; absent or empty: all jobs',
      example: { userId: 'u-17' },
    }),
  })
  .openapi('QueryJobsRequest');

export const QueryJobsResult = z
  .object({
    cursor: z.string().nullable().openapi({ description: 'For the next page; null on the last' }),
    jobs: z.array(JobStatus),
  })
  .openapi('QueryJobsResult');
export type QueryJobsResult = z.infer<typeof QueryJobsResult>;

/** `TextToImageV2`, `textToImage` and `TextToImageJob` name the same type; answers use the first. */
export const comparableJobType = (type: string): string =>
  type
    .trim()
    .toLowerCase()
    .replace(/(job)?(v2)?$/, '');

export const TaintRequest = z
  .object({
    reason: z.string().max(MAX_REASON_LENGTH).nullish().openapi({ example: 'wrong subject' }),
    context: JobProperties.nullish().openapi({
      description: 'Kept with the reason',
      example: { ticket: 'T-9' },
    }),
    properties: JobProperties.nullish().openapi({
      description: "Set in the jobs' properties; their other properties stay",
      example: { reviewed: true },
    }),
  })
  .openapi('TaintJobsRequest');
export type TaintRequest = z.infer<typeof TaintRequest>;

export const TaintResult = z
  .object({ jobs: z.int().openapi({ description: 'Jobs of the token that are tainted now' }) })
  .openapi('TaintJobsResult');

export const ConsumptionDetails = z
  .object({
    images: z.int().openapi({ description: 'Pictures that jobs made which succeeded' }),
    totalCost: z.number().openapi({ description: 'The sum of the cost of these jobs' }),
    startDate: z.string().nullable().openapi({ example: '2025-09-01T00:00:00.0000000Z' }),
    endDate: z.string().nullable(),
  })
  .openapi('ConsumptionDetails');

const TelemetryCursor = z
  .object({
    nextDateTime: z.string().openapi({ description: 'Requests before this time follow' }),
    nextId: z.string().openapi({ description: 'The cursor of the next page' }),
  })
  .openapi('TelemetryCursor');

export const QueryRequestsResult = z
  .object({
    cursor: TelemetryCursor.nullable().openapi({ description: 'Null on the last page' }),
    requests: z.array(
      z
        .object({
          dateTime: z.string(),
          jobs: z.array(
            z
              .object({ job: z.record(z.string(), z.unknown()), lastEvent: LastEvent })
              .openapi('JobDetails'),
          ),
        })
        .openapi('RequestDetails'),
    ),
  })
  .openapi('QueryRequestsResult');
export type QueryRequestsResult = z.infer<typeof QueryRequestsResult>;
