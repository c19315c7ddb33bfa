import { z } from 'zod';

/** One environment variable: how it is read, what it means, what a value looks like. */
interface Variable {
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

const text = z.string();
const url = (...protocols: string[]) =>
  z
    .string()
    .refine(
      (value) => URL.canParse(value) && protocols.includes(new URL(value).protocol.slice(0, -1)),
      { message: `expected a URL starting with ${protocols.map((p) => `${p}://`).join(' or ')}` },
    );
const flag = z
  .enum(['true', 'false', '1', '0'], { message: 'expected true or false' })
  .transform((value) => value === 'true' || value === '1');
const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^-?\d+$/, { message: 'expected a whole number' })
    .transform(Number)
    .refine((value) => value >= min && value <= max, { message: `expected ${min} to ${max}` });
const port = whole(0, 65_535);

/** Every variable there is. README's table and `.env.example` are written from this object; a test compares them. */
export const VARIABLES = {
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
    schema: whole(1024, 1_000_000_000).default(10_485_760),
    about: 'Largest request body; more is refused with 413',
    example: '10485760',
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
      'Allows AUTH=open on an address other than loopback; for containers whose port is published on loopback',
    example: 'false',
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
      'Key with which gpu workers without a database report to the API (`/internal/*` is off without it)',
    example: 'change-me-to-32-random-characters',
    secret: true,
  },

  DATABASE_URL: {
    group: 'Database',
    schema: url('postgres', 'postgresql').optional(),
    about: 'PostgreSQL to use (default: an embedded one in DATA_DIR)',
    example: 'postgres://user:password@localhost:5432/orchestrator',
    secret: true,
  },
  DATABASE_POOL: {
    group: 'Database',
    schema: whole(1, 200).default(10),
    about: 'Most connections a process opens',
    example: '10',
  },
  POSTGRES_PORT: {
    group: 'Database',
    schema: port.optional(),
    about: 'Port of the embedded PostgreSQL (5433, or the next free one)',
    example: '5433',
  },

  TEMPORAL_ADDRESS: {
    group: 'Temporal',
    schema: text.optional(),
    about: 'Temporal server to use (default: a dev server of our own)',
    example: 'localhost:7233',
  },
  TEMPORAL_NAMESPACE: {
    group: 'Temporal',
    schema: text.default('default'),
    about: 'Namespace',
    example: 'default',
  },
  TEMPORAL_API_KEY: {
    group: 'Temporal',
    schema: text.optional(),
    about: 'API key, for Temporal Cloud',
    example: 'key',
    secret: true,
  },
  TEMPORAL_TLS: {
    group: 'Temporal',
    schema: flag.optional(),
    about: 'Use TLS (on by itself when a key or certificate is set)',
    example: 'true',
  },
  TEMPORAL_TLS_CLIENT_CERT_PATH: {
    group: 'Temporal',
    schema: text.optional(),
    about: 'Client certificate file (PEM)',
    example: '/etc/temporal/client.pem',
  },
  TEMPORAL_TLS_CLIENT_KEY_PATH: {
    group: 'Temporal',
    schema: text.optional(),
    about: 'Client key file (PEM)',
    example: '/etc/temporal/client.key',
  },
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: {
    group: 'Temporal',
    schema: text.optional(),
    about: 'CA certificate file of the server (PEM)',
    example: '/etc/temporal/ca.pem',
  },
  TEMPORAL_TLS_SERVER_NAME: {
    group: 'Temporal',
    schema: text.optional(),
    about: 'Server name to expect in the certificate',
    example: 'temporal.example.org',
  },
  TEMPORAL_PORT: {
    group: 'Temporal',
    schema: port.optional(),
    about: 'Port of the dev server (7233, or the next free one)',
    example: '7233',
  },
  TEMPORAL_UI_PORT: {
    group: 'Temporal',
    schema: port.optional(),
    about: 'Port of its Web UI (8233, or the next free one)',
    example: '8233',
  },
  TEMPORAL_UI_URL: {
    group: 'Temporal',
    schema: url('http', 'https').optional(),
    about: 'Web UI of the server behind TEMPORAL_ADDRESS, for the links shown',
    example: 'http://localhost:8080',
  },
  TEMPORAL_CLI_PATH: {
    group: 'Temporal',
    schema: text.optional(),
    about: 'The `temporal` binary to run as dev server',
    example: '/usr/local/bin/temporal',
  },
  TEMPORAL_CLI_DOWNLOAD_BASE: {
    group: 'Temporal',
    schema: url('http', 'https').optional(),
    about: 'Where release archives of the `temporal` CLI are downloaded from',
    example: 'https://mirror.example.org/temporal/v1.5.1/',
  },

  COMFY_HTTP_URL: {
    group: 'ComfyUI',
    schema: url('http', 'https').optional(),
    about: 'ComfyUI server, with or without `/prompt`; neither this nor COMFY_WS_URL: simulation',
    example: 'http://localhost:8188',
  },
  COMFY_WS_URL: {
    group: 'ComfyUI',
    schema: url('ws', 'wss').optional(),
    about: 'Its WebSocket (default: derived from COMFY_HTTP_URL)',
    example: 'ws://localhost:8188/ws',
  },
  COMFY_SERVER_ID: {
    group: 'ComfyUI',
    schema: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, {
        message: 'expected lower-case letters, digits and hyphens',
      })
      .default('local'),
    about: 'Name of that server; gives the queue `gpu-host-<id>`',
    example: 'local',
  },
  COMFY_POOL: {
    group: 'ComfyUI',
    schema: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, {
        message: 'expected lower-case letters, digits and hyphens',
      })
      .default('default'),
    about: 'Pool it serves; gives the queue `gpu-<pool>`',
    example: 'default',
  },
  COMFY_ROOM: {
    group: 'ComfyUI',
    schema: whole(1, 64).default(2),
    about: 'Jobs given to it at a time: one running, the rest waiting',
    example: '2',
  },

  SIM_PORT: {
    group: 'Simulator',
    schema: port.optional(),
    about: 'Port of the simulator (8188, or the next free one)',
    example: '8188',
  },
  SIM_STEP_MS: {
    group: 'Simulator',
    schema: whole(0, 600_000).default(40),
    about: 'Time of one sampler step',
    example: '40',
  },
  SIM_MODEL_LOAD_MS: {
    group: 'Simulator',
    schema: whole(0, 600_000).default(0),
    about: 'Time of loading a checkpoint',
    example: '1500',
  },

  JOB_LIFETIME_HOURS: {
    group: 'Jobs',
    schema: whole(1, 8_760).default(24),
    about: 'A job that was not claimed after this long expires',
    example: '24',
  },
  JOB_MAX_ATTEMPTS: {
    group: 'Jobs',
    schema: whole(1, 100).default(5),
    about: 'Attempts of a job before it fails',
    example: '5',
  },
  SERVER_LOST_AFTER_SECONDS: {
    group: 'Jobs',
    schema: whole(1, 86_400).default(120),
    about:
      'A server without worker or answer for this long is given up and the job starts a new attempt',
    example: '120',
  },
  PRIORITY_AGE_SECONDS: {
    group: 'Jobs',
    schema: whole(1, 86_400).default(300),
    about: 'A waiting job moves one priority level up after this long',
    example: '300',
  },
  PLACEMENT_WINDOW: {
    group: 'Jobs',
    schema: whole(1, 500).default(32),
    about: 'Waiting jobs of a pool among which the placer chooses',
    example: '32',
  },
  SEED_CATALOGUE: {
    group: 'Jobs',
    schema: flag.default(true),
    about: "Puts a small catalogue of resources into an empty one, for the SDKs' examples",
    example: 'true',
  },

  BLOB_DIR: {
    group: 'Storage and retention',
    schema: text.optional(),
    about: 'Folder of the blobs (default: `blobs` in DATA_DIR)',
    example: '/var/lib/orchestrator/blobs',
  },
  MIN_FREE_BYTES: {
    group: 'Storage and retention',
    schema: whole(0, 1_000_000_000_000).default(268_435_456),
    about: 'Below this much free disk the API accepts no jobs (503) and says so',
    example: '268435456',
  },
  BLOB_RETENTION_DAYS: {
    group: 'Storage and retention',
    schema: whole(1, 3_650).default(30),
    about: 'Outputs are deleted after this long',
    example: '30',
  },
  JOB_RETENTION_DAYS: {
    group: 'Storage and retention',
    schema: whole(1, 3_650).default(90),
    about: 'Finished jobs and their event snapshots are deleted after this long',
    example: '90',
  },
  SIM_OUTPUT_RETENTION_HOURS: {
    group: 'Storage and retention',
    schema: whole(1, 8_760).default(24),
    about: 'The simulator deletes its own files after this long',
    example: '24',
  },
  COLLECT_EVERY_SECONDS: {
    group: 'Storage and retention',
    schema: whole(1, 86_400).default(600),
    about: 'How often the collector looks for what can go',
    example: '600',
  },

  DATA_DIR: {
    group: 'Stack and logs',
    schema: text.default('.data'),
    about: 'Database, Temporal file, blobs and logs of the embedded stack',
    example: '.data',
  },
  LOG_LEVEL: {
    group: 'Stack and logs',
    schema: z
      .enum(['debug', 'info', 'warn', 'error', 'silent'], {
        message: 'expected debug, info, warn, error or silent',
      })
      .default('info'),
    about: 'Lowest level that is logged',
    example: 'info',
  },
  LOG_FORMAT: {
    group: 'Stack and logs',
    schema: z
      .enum(['auto', 'pretty', 'json'], { message: 'expected auto, pretty or json' })
      .default('auto'),
    about: '`auto`: readable in a terminal, JSON otherwise',
    example: 'json',
  },
  NODE_ENV: {
    group: 'Stack and logs',
    schema: text.default('development'),
    about: 'Shown by /health; changes nothing else',
    example: 'production',
  },
  SCHEDULER_POLL_MS: {
    group: 'Stack and logs',
    schema: whole(10, 600_000).default(1_000),
    about: 'Slow poll of starter, placer and closer beside their wake-ups',
    example: '1000',
  },
  API_URL: {
    group: 'Stack and logs',
    schema: url('http', 'https').optional(),
    about: 'Where a gpu worker without a database finds the API',
    example: 'http://api:3000',
  },
} as const satisfies Record<string, Variable>;

export type VariableName = keyof typeof VARIABLES;
export type Values = {
  readonly [Name in VariableName]: z.output<(typeof VARIABLES)[Name]['schema']>;
};

/** What a variable is when it is not set, as text for tables; undefined when nothing. */
export function defaultOf(name: VariableName): string | undefined {
  const value: unknown = (VARIABLES[name].schema as z.ZodType).safeParse(undefined).data;
  return value === undefined ? undefined : String(value);
}
