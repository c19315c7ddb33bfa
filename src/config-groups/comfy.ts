import { z } from 'zod';
import { flag, headers, text, url, whole, port, type Variable } from './variable.ts';

const ids = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]*(\s*,\s*[a-z0-9][a-z0-9-]*)*$/, {
    message: 'expected ids of servers with commas between',
  })
  .transform((value): readonly string[] => value.split(/\s*,\s*/));

/** Variables of the groups ComfyUI, Simulator. */
export const COMFY_VARIABLES = {
  COMFY_SERVERS: {
    group: 'ComfyUI',
    schema: text.optional(),
    about:
      'Several ComfyUI servers: a JSON or YAML file, or the JSON itself (docs/servers.md); instead of COMFY_HTTP_URL',
    example: './servers.yaml',
    secret: true,
  },
  COMFY_SERVE: {
    group: 'ComfyUI',
    schema: ids.optional(),
    about: 'Ids of those that this process serves, with commas between (default: all)',
    example: 'gpu-a,gpu-b',
  },
  COMFY_HTTP_URL: {
    group: 'ComfyUI',
    schema: url('http', 'https').optional(),
    about:
      'A single ComfyUI server, with or without `/prompt`; neither this nor COMFY_SERVERS: simulation',
    example: 'http://localhost:8188',
  },
  COMFY_WS_URL: {
    group: 'ComfyUI',
    schema: url('ws', 'wss').optional(),
    about: 'Its WebSocket (default: derived from COMFY_HTTP_URL)',
    example: 'ws://localhost:8188/ws',
  },
  COMFY_HEADERS: {
    group: 'ComfyUI',
    schema: headers.optional(),
    about:
      'Headers for a proxy in front of it, as a JSON object; sent with every request and the WebSocket handshake',
    example: '{"authorization":"Bearer token"}',
    secret: true,
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
    about:
      'Pool it serves, and of those in COMFY_SERVERS that name none; gives the queue `gpu-<pool>`',
    example: 'default',
  },
  COMFY_ROOM: {
    group: 'ComfyUI',
    schema: z
      .string()
      .refine(
        (value) => value === 'auto' || (/^\d{1,2}$/.test(value) && +value >= 1 && +value <= 64),
        {
          message: 'expected auto, or 1 to 64',
        },
      )
      .transform((value) => (value === 'auto' ? value : Number(value)))
      .default('auto'),
    about:
      'Jobs given to it at a time: one draws, the rest wait. `auto`: 2, and up to 8 while pictures take less than 0.25 s',
    example: '2',
  },
  COMFY_LISTS_SECONDS: {
    group: 'ComfyUI',
    schema: whole(1, 86_400).default(30),
    about:
      'How often a server that runs on is asked for its model files; after a restart, or when it misses a file, at once',
    example: '30',
  },
  SERVER_GONE_AFTER_SECONDS: {
    group: 'ComfyUI',
    schema: whole(5, 86_400).default(60),
    about: 'A server of which no worker reports for this long is gone: it gets no jobs',
    example: '60',
  },
  SERVER_FORGET_AFTER_HOURS: {
    group: 'ComfyUI',
    schema: whole(1, 8_760).default(24),
    about: 'A server that is gone for this long, and holds no job, is forgotten',
    example: '24',
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
  SIM_MODELS: {
    group: 'Simulator',
    schema: text.optional(),
    about: 'Model files it pretends to have: a JSON file, or a folder like ComfyUI’s `models`',
    example: './models.json',
  },
  SIM_FAULTS: {
    group: 'Simulator',
    schema: text.optional(),
    about: 'Faults that wait from the start, as JSON (docs/simulator.md)',
    example: '[{"kind":"lose-history"}]',
  },
  SIM_COMFY_VERSION: {
    group: 'Simulator',
    schema: z.enum(['0.3.64', '0.10.0', '0.38.1']).default('0.10.0'),
    about: 'ComfyUI release whose manners it shows',
    example: '0.10.0',
  },
  SIM_CUSTOM_NODES: {
    group: 'Simulator',
    schema: flag.default(true),
    about: 'Whether it has the custom nodes that tagging, captioning and embedding need',
    example: 'true',
  },
} as const satisfies Record<string, Variable>;
