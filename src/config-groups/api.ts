import { z } from 'zod';
import { text, url, flag, whole, port, workerKeys, type Variable } from './variable.ts';

/** Variables of the groups API, Access. */
export const API_VARIABLES = {
  PORT: {
    group: 'API',
    schema: port.optional(),
    about: 'Port of the API (3000; the next free one if that is taken and PORT is not set)',
    example: '3000',
  },
  HOST: {
    group: 'API',
    schema: text.default('127.0.0.1'),
    about: 'Address the API binds to',
    example: '127.0.0.1',
  },
  PUBLIC_URL: {
    group: 'API',
    schema: url('http', 'https').optional(),
    about:
      'Address clients reach the API at; blob links start with it (default: the address of the request)',
    example: 'https://images.example.org',
  },
  MAX_BODY_BYTES: {
    group: 'API',
    schema: whole(1024, 1_000_000_000).default(16_777_216),
    about: 'Largest request body; more is refused with 413',
    example: '16777216',
  },
  WAIT_LIMIT_MS: {
    group: 'API',
    schema: whole(100, 600_000).default(100_000),
    about: 'How long `wait=true` holds a request open before it answers 202',
    example: '100000',
  },
  RESULT_SHAPE: {
    group: 'API',
    schema: z.enum(['auto', 'array'], { message: 'expected auto or array' }).default('auto'),
    about: '`auto`: `result` is an object for one output, else an array; `array`: always an array',
    example: 'auto',
  },
  PROVIDER_NAME: {
    group: 'API',
    schema: text.optional(),
    about: 'Provider name in every answer instead of `local`',
    example: 'Civitai',
  },
  AUTH: {
    group: 'Access',
    schema: z.enum(['open', 'keys'], { message: 'expected open or keys' }).default('open'),
    about:
      '`open`: no key, tenant `local`, loopback only; `keys`: Bearer keys made by `npm run keys`',
    example: 'keys',
  },
  ALLOW_OPEN_BIND: {
    group: 'Access',
    schema: flag.default(false),
    about:
      'Allows AUTH=open, and metrics without METRICS_KEY, on an address other than loopback; for containers whose port is published on loopback',
    example: 'false',
  },
  RATE_LIMIT_PER_MINUTE: {
    group: 'Access',
    schema: whole(0, 1_000_000).default(0),
    about:
      'Requests a minute of each key, or of everybody together with AUTH=open; more are refused with 429 (0: no limit)',
    example: '600',
  },
  BLOB_SIGNING_KEY: {
    group: 'Access',
    schema: text.min(16, { message: 'expected at least 16 characters' }).optional(),
    about: 'Key of blob link signatures (default: a random one kept in the database)',
    example: 'change-me-to-32-random-characters',
    secret: true,
  },
  BLOB_URL_TTL_SECONDS: {
    group: 'Access',
    schema: whole(60, 31_536_000).default(86_400),
    about: 'How long a blob link is valid',
    example: '86400',
  },
  WORKER_KEY: {
    group: 'Access',
    schema: text.min(16, { message: 'expected at least 16 characters' }).optional(),
    about:
      'Key with which gpu workers without a database or shared disk reach the API (`/internal/*` is off without it and WORKER_KEYS)',
    example: 'change-me-to-32-random-characters',
    secret: true,
  },
  WORKER_KEYS: {
    group: 'Access',
    schema: workerKeys.optional(),
    about:
      'At the API: keys that are good for one server each, as a JSON object of server ids and keys; the worker at that server shows its own as WORKER_KEY',
    example: '{"gpu-1":"change-me-to-32-random-characters"}',
    secret: true,
  },
} as const satisfies Record<string, Variable>;
