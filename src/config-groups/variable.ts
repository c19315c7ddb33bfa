import { z } from 'zod';

/** One environment variable: how it is read, what it means, what a value looks like. */
export interface Variable {
  readonly schema: z.ZodType;
  readonly about: string;
  readonly example: string;
  readonly group: Group;
  readonly secret?: true;
}

export const GROUPS = [
  'API',
  'Access',
  'Database',
  'Temporal',
  'ComfyUI',
  'Simulator',
  'Jobs',
  'Storage and retention',
  'Stack and logs',
] as const;
type Group = (typeof GROUPS)[number];

export const text = z.string();
export const url = (...protocols: string[]) =>
  z
    .string()
    .refine(
      (value) => URL.canParse(value) && protocols.includes(new URL(value).protocol.slice(0, -1)),
      { message: `expected a URL starting with ${protocols.map((p) => `${p}://`).join(' or ')}` },
    );
export const flag = z
  .enum(['true', 'false', '1', '0'], { message: 'expected true or false' })
  .transform((value) => value === 'true' || value === '1');
export const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^-?\d+$/, { message: 'expected a whole number' })
    .transform(Number)
    .refine((value) => value >= min && value <= max, { message: `expected ${min} to ${max}` });
export const port = whole(0, 65_535);
