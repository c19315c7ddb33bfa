import { z } from '@hono/zod-openapi';

export const MAX_PROPERTIES_LENGTH = 65_536;

/** A client's own names and values; at most 65,536 characters of JSON. */
export const JobProperties = z
  .record(z.string(), z.unknown())
  .refine((value) => JSON.stringify(value).length <= MAX_PROPERTIES_LENGTH, {
    error: () => `expected at most ${MAX_PROPERTIES_LENGTH} characters of JSON`,
  });
