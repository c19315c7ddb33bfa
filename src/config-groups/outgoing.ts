import { isAllowEntry } from '../net/address-rules.ts';
import { text, type Variable } from './variable.ts';

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
} as const satisfies Record<string, Variable>;
