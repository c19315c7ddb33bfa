import { z } from '@hono/zod-openapi';

/** RFC 7807 problem, the form of every error answer. */
export const Problem = z
  .object({
    type: z.string().openapi({ example: 'about:blank' }),
    title: z.string().openapi({ example: 'Bad Request' }),
    status: z.int().openapi({ example: 400 }),
    code: z.string().openapi({
      description: 'Stable name of the error, for programs',
      example: 'invalid_request',
    }),
    detail: z.string().openapi({
      description: 'What happened, the value that was seen and what to do next',
      example: 'params.steps: expected at most 150; seen 400',
    }),
    instance: z.string().openapi({ example: '/v1/consumer/jobs' }),
    errors: z
      .record(z.string(), z.array(z.string()))
      .optional()
      .openapi({
        description: 'Messages by field, every wrong field at once',
        example: { 'params.steps': ['expected at most 150; seen 400'] },
      }),
    queued: z.int().optional().openapi({ description: '429: jobs the tenant has queued' }),
    quota: z
      .enum(['jobsPerDay', 'storedBytes'])
      .optional()
      .openapi({ description: 'quota_exceeded: which one is used up' }),
    used: z.int().optional().openapi({ description: 'quota_exceeded: what is used of it' }),
    limit: z
      .int()
      .optional()
      .openapi({ description: 'Jobs the tenant may have queued, or the size of the quota' }),
    requested: z.int().optional().openapi({ description: 'What the request asked for' }),
    freesAt: z.iso
      .datetime()
      .optional()
      .openapi({ description: 'quota_exceeded: when there is room again' }),
    traceId: z.string().openapi({
      description: 'W3C traceparent of the request; the log lines carry the same',
      example: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00',
    }),
  })
  .openapi('Problem');
export type Problem = z.infer<typeof Problem>;
