import { isAllowEntry } from '../net/address-rules.ts';
import { text, whole, type Variable } from './variable.ts';

/** Connections to addresses that clients name: callbacks and media. */
export const OUTGOING_VARIABLES = {
  OUTGOING_ALLOW: {
    group: 'Access',
    schema: text
      .transform((value) =>
        value
          .split(',')
          .map((entry) => entry.trim())
          .filter((entry) => entry !== ''),
      )
      .refine((entries) => entries.every(isAllowEntry), {
        message: 'expected addresses, CIDRs or host names, separated by commas',
      })
      .optional(),
    about:
      'Private targets that callbacks and media inputs may have all the same: addresses, CIDRs or host names, separated by commas',
    example: '127.0.0.0/8,192.168.7.20,hooks.internal',
  },
  CALLBACK_KEY: {
    group: 'Access',
    schema: text.min(16, { message: 'expected at least 16 characters' }).optional(),
    about:
      'Key from which tenants’ callback secrets are derived (default: a random one kept in the database, whose copies then sign too)',
    example: 'change-me-to-32-random-characters',
    secret: true,
  },
  CALLBACK_TIMEOUT_MS: {
    group: 'Jobs',
    schema: whole(10, 120_000).default(10_000),
    about: 'How long a receiver of callbacks may take to answer',
    example: '10000',
  },
} as const satisfies Record<string, Variable>;
