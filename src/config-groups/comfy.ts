import { z } from 'zod';
import { headers, text, url, whole, port, type Variable } from './variable.ts';

/** Variables of the groups ComfyUI, Simulator. */
export const COMFY_VARIABLES = {
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
    about: 'Pool it serves; gives the queue `gpu-<pool>`',
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
} as const satisfies Record<string, Variable>;
