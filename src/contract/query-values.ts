/** Values as they arrive in a query string. */
import { z } from '@hono/zod-openapi';

const FLAGS: Readonly<Record<string, boolean>> = {
  true: true,
  '1': true,
  false: false,
  '0': false,
  '': false,
};

/** `true`, `false`, `1`, `0` in any casing; absent is `initial`. */
export const queryFlag = (initial: boolean, description: string) =>
  z
    .string()
    .optional()
    .refine((text) => text === undefined || Object.hasOwn(FLAGS, text.toLowerCase()), {
      error: () => 'expected true or false',
    })
    .transform((text) => (text === undefined ? initial : FLAGS[text.toLowerCase()] === true))
    .openapi({ type: 'boolean', default: initial, description });

/** A whole number between `min` and `max`; absent is `initial`. */
export const queryInteger = (min: number, max: number, initial: number, description: string) =>
  z
    .string()
    .optional()
    .refine(
      (text) =>
        text === undefined ||
        (/^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max),
      { error: () => `expected a whole number from ${min} to ${max}` },
    )
    .transform((text) => (text === undefined ? initial : Number(text)))
    .openapi({ type: 'integer', minimum: min, maximum: max, default: initial, description });
