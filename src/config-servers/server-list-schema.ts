/** What COMFY_SERVERS may say; docs/servers.md explains every field. */
import { z } from 'zod';
import { ECOSYSTEMS } from '../domain/generation.ts';

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
const name = z.string().regex(NAME, {
  error: 'expected 1 to 63 lower-case letters, digits and hyphens, starting with no hyphen',
});

const hasCredentials = (text: string): boolean => {
  if (!URL.canParse(text)) return /^[^/?#]*\/\/[^/?#]*@/.test(text);
  const { username, password } = new URL(text);
  return username !== '' || password !== '';
};

const address = (...protocols: readonly string[]) =>
  z.string().superRefine((text, context) => {
    const refuse = (message: string): void => context.addIssue({ code: 'custom', message });
    if (hasCredentials(text))
      return refuse(
        'credentials do not belong in a URL; put user:password into a variable and name it: credentials: { env: GPU_LOGIN }',
      );
    if (!URL.canParse(text) || !protocols.includes(new URL(text).protocol))
      refuse(`expected a URL starting with ${protocols.map((one) => `${one}//`).join(' or ')}`);
  });

const fromVariable = z.strictObject({
  env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
    error: 'expected the name of an environment variable, not its value',
  }),
});

const server = z.strictObject({
  id: name,
  url: address('http:', 'https:'),
  ws: address('ws:', 'wss:').optional(),
  pool: name.optional(),
  labels: z.record(name, z.string().max(200)).optional(),
  /** Header name → variable that holds its value. */
  headers: z.record(z.string(), fromVariable).optional(),
  /** Variable that holds `user:password`, for HTTP Basic. */
  credentials: fromVariable.optional(),
  room: z
    .union([z.literal('auto'), z.int().min(1).max(64)], {
      error: 'expected auto, or a whole number from 1 to 64',
    })
    .optional(),
  serves: z
    .strictObject({
      ecosystems: z.array(z.enum(ECOSYSTEMS)).min(1).optional(),
    })
    .optional(),
  vramGiB: z.number().positive().max(10_000).optional(),
});

export type ListedServer = z.output<typeof server>;

/** A list of servers; with `pools`, the only names of pools that a server may give. */
export const ServerList = z.strictObject({
  pools: z.array(name).min(1).optional(),
  servers: z.array(server).min(1),
});
export type ServerList = z.output<typeof ServerList>;
