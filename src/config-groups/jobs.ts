import { z } from 'zod';
import { timeLimits } from './time-limits.ts';
import { text, url, flag, whole, type Variable } from './variable.ts';

/** Variables of the groups Jobs, Storage and retention, Stack and logs. */
export const JOBS_VARIABLES = {
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
  TIME_LIMITS: {
    group: 'Jobs',
    schema: timeLimits.optional(),
    about:
      'Longest time of one try / all tries of prepare, and of the drawing or task of a job by its class, where it is not `prepare=5m/1h,image=30m/2h,video=3h/12h,training=24h/72h,task=1h`',
    example: 'image=2h/8h,video=6h/24h',
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
  AFFINITY_WAIT_SECONDS: {
    group: 'Jobs',
    schema: whole(0, 86_400).default(30),
    about: 'So long later jobs may go first because a server has their model loaded',
    example: '30',
  },
  SEED_CATALOGUE: {
    group: 'Jobs',
    schema: flag.default(true),
    about: "Puts a small catalogue of resources into an empty one, for the SDKs' examples",
    example: 'true',
  },
  STORAGE: {
    group: 'Storage and retention',
    schema: z.enum(['local', 'remote'], { message: 'expected local or remote' }).default('local'),
    about:
      '`local`: blobs in BLOB_DIR, which API and workers share; `remote`: a gpu worker on another machine reads and writes them through the API',
    example: 'remote',
  },
  BLOB_DIR: {
    group: 'Storage and retention',
    schema: text.optional(),
    about: 'Folder of the blobs (default: `blobs` in DATA_DIR)',
    example: '/var/lib/orchestrator/blobs',
  },
  MAX_OUTPUT_BYTES: {
    group: 'Storage and retention',
    schema: whole(1_024, 1_000_000_000_000).default(1_073_741_824),
    about: 'Largest file that is stored for a job; a larger one fails the attempt',
    example: '1073741824',
  },
  MAX_INPUT_BYTES: {
    group: 'Storage and retention',
    schema: whole(1_024, 1_000_000_000).default(67_108_864),
    about:
      'Largest input file (of a ControlNet, a graph, a transformation) that is fetched for a job',
    example: '67108864',
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
    about: 'Where a gpu worker without a database, or with STORAGE=remote, finds the API',
    example: 'http://api:3000',
  },
} as const satisfies Record<string, Variable>;
