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
  'Metrics and traces',
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
export const share = z
  .string()
  .refine((value) => /^\d*\.?\d+$/.test(value) && Number(value) <= 1, {
    message: 'expected 0 to 1',
  })
  .transform(Number);

const readPairs = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    text.split(',').map((pair) => {
      const [, name = '', value = ''] = /^\s*([\w-]+)\s*=(.*)$/.exec(pair) ?? [];
      if (name === '') throw new Error('no name');
      return [name.toLowerCase(), decodeURIComponent(value.trim())];
    }),
  );

/** `name=value,name=value` with URL-encoded values, as OpenTelemetry writes headers. */
export const pairs = z
  .string()
  .refine(
    (value) => {
      try {
        return Object.keys(readPairs(value)).length > 0;
      } catch {
        return false;
      }
    },
    { message: 'expected name=value pairs, separated by commas, with URL-encoded values' },
  )
  .transform(readPairs);

/** Headers that the connection sets by itself. */
const OWN_HEADERS =
  /^(?:connection|content-length|content-type|transfer-encoding|upgrade|sec-websocket-.*)$/;

const HEADERS_SHAPE = z.record(z.string(), z.string());

/** Why this header cannot be sent, in words that do not hold its value; undefined when it can. */
export const headerFault = (name: string, value: string): string | undefined => {
  if (OWN_HEADERS.test(name.toLowerCase())) return `${name} is set by the connection itself`;
  try {
    new Headers([[name, value]]);
    return undefined;
  } catch {
    return `the name or the value of header ${JSON.stringify(name)} cannot be sent`;
  }
};

/** Why these are no headers to send, in words that hold none of their values; undefined when they are. */
const headersFault = (text: string): string | undefined => {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return 'expected a JSON object of header names and values';
  }
  const shape = HEADERS_SHAPE.safeParse(read);
  if (!shape.success) return 'expected a JSON object of header names and values that are texts';
  for (const [name, value] of Object.entries(shape.data)) {
    const fault = headerFault(name, value);
    if (fault !== undefined) return fault;
  }
  return undefined;
};

/** HTTP headers as a JSON object; names become lower case. */
export const headers = z
  .string()
  .superRefine((value, context) => {
    const message = headersFault(value);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  })
  .transform((value): Readonly<Record<string, string>> => {
    const read = HEADERS_SHAPE.parse(JSON.parse(value));
    return Object.fromEntries(
      Object.entries(read).map(([name, content]) => [name.toLowerCase(), content]),
    );
  });

const KEYS_SHAPE = z.record(
  z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  z.string().min(16).regex(/^\S+$/),
);

/** Server ids and their keys as a JSON object; refused in words that hold none of its values. */
export const workerKeys = z.string().transform((value, context) => {
  try {
    return KEYS_SHAPE.parse(JSON.parse(value));
  } catch {
    context.addIssue({
      code: 'custom',
      message: 'expected a JSON object of server ids and keys of at least 16 characters',
    });
    return z.NEVER;
  }
});
