import { z } from 'zod';
import { MAX_WEIGHT, MIN_WEIGHT } from '../domain/tenant-policy.ts';
import { whole, type Variable } from './variable.ts';

/** What tenants get that `orchestrator tenants set` said nothing about. */
export const TENANT_VARIABLES = {
  TENANT_MAX_QUEUED: {
    group: 'Jobs',
    schema: whole(0, 1_000_000_000).default(100_000),
    about: 'Jobs a tenant may have queued; a request over it is refused with 429',
    example: '100000',
  },
  TENANT_MAX_RUNNING: {
    group: 'Jobs',
    schema: whole(0, 1_000_000).optional(),
    about: 'Jobs a tenant may have on servers at a time (default: no limit)',
    example: '4',
  },
  TENANT_MAX_JOBS_PER_DAY: {
    group: 'Jobs',
    schema: whole(0, 1_000_000_000).optional(),
    about: 'Jobs a tenant may submit a day (UTC); more are refused with 429 (default: no limit)',
    example: '10000',
  },
  TENANT_MAX_STORED_BYTES: {
    group: 'Jobs',
    schema: whole(0, Number.MAX_SAFE_INTEGER).optional(),
    about:
      'Bytes a tenant may store; above it jobs and uploads are refused with 403 (default: no limit)',
    example: '50000000000',
  },
  TENANT_WEIGHT: {
    group: 'Jobs',
    schema: z
      .string()
      .regex(/^\d{1,4}(\.\d{1,3})?$/, { message: 'expected a number' })
      .transform(Number)
      .refine((value) => value >= MIN_WEIGHT && value <= MAX_WEIGHT, {
        message: `expected ${MIN_WEIGHT} to ${MAX_WEIGHT}`,
      })
      .default(1),
    about: 'Share of the servers beside other tenants’ weights',
    example: '1',
  },
} as const satisfies Record<string, Variable>;
