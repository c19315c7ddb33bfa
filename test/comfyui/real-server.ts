import { loadConfig } from '../../src/config.ts';
import { comfyUrls, type ComfyUrls } from '../../src/executors/comfyui/urls.ts';
import { createComfyExecutor } from '../../src/executors/comfyui/executor.ts';
import { silentLogger } from '../../src/telemetry.ts';
import type { Executor } from '../../src/ports.ts';
import { untilServerKnown } from '../support/server-known.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

/** What the person who runs these tests says of their server; all by environment variables. */
export interface RealServer {
  /** Empty when none is named. */
  readonly address: string;
  readonly headers: Readonly<Record<string, string>>;
  /** File names as the server lists them. */
  readonly checkpoint: string;
  readonly lora: string;
  readonly embedding: string;
  readonly controlNet: string;
  readonly upscaler: string;
  /** Folder of the server's models, when this process can write there. */
  readonly models: string | undefined;
  /** Shell command that restarts the server and returns when it answers again. */
  readonly restart: string | undefined;
}

const orNone = (text: string | undefined): string | undefined => text?.trim() || undefined;

/** The server of this environment; the file names are those of the tiny models unless others are named. */
export const readRealServer = (env: NodeJS.ProcessEnv): RealServer => ({
  address: orNone(env['COMFY_REAL_URL']) ?? '',
  headers: loadConfig({ COMFY_HEADERS: env['COMFY_HEADERS'] }).COMFY_HEADERS ?? {},
  checkpoint: orNone(env['COMFY_REAL_CHECKPOINT']) ?? 'tiny-sd15.safetensors',
  lora: orNone(env['COMFY_REAL_LORA']) ?? 'tiny-lora.safetensors',
  embedding: orNone(env['COMFY_REAL_EMBEDDING']) ?? 'tiny-embed.safetensors',
  controlNet: orNone(env['COMFY_REAL_CONTROLNET']) ?? 'tiny-controlnet.safetensors',
  upscaler: orNone(env['COMFY_REAL_UPSCALER']) ?? 'tiny-x2.safetensors',
  models: orNone(env['COMFY_REAL_MODELS']),
  restart: orNone(env['COMFY_REAL_RESTART']),
});

/** Where it is, and what to send along. */
export const urlsOf = ({ address, headers }: RealServer): ComfyUrls => {
  const urls = comfyUrls(address, undefined);
  return { ...urls, headers: { ...urls.headers, ...headers } };
};

export const executorOf = ({ address, headers }: RealServer): Executor =>
  createComfyExecutor({
    serverId: 'real',
    httpUrl: address,
    headers,
    clientId: 'test',
    logger: silentLogger,
  });

/** API and workers in front of the real server; ready when the product knows the server's files. */
export async function startRealStack({ address, headers }: RealServer): Promise<TestStack> {
  const stack = await startTestStack({
    env: {
      COMFY_HTTP_URL: address,
      COMFY_WS_URL: '',
      ...(Object.keys(headers).length === 0 ? {} : { COMFY_HEADERS: JSON.stringify(headers) }),
      COMFY_ROOM: '2',
      // The tests serve pictures to start from.
      OUTGOING_ALLOW: '127.0.0.1',
    },
  });
  await untilServerKnown(stack);
  return stack;
}

/** Puts resources into the catalogue of a stack. */
export async function registerResources(
  url: string,
  resources: readonly Readonly<Record<string, unknown>>[],
): Promise<void> {
  for (const resource of resources) {
    const response = await fetch(`${url}/v2/resources`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ modelName: 'tiny', ...resource }),
    });
    if (response.status !== 201)
      throw new Error(`POST /v2/resources answered ${response.status}: ${await response.text()}`);
  }
}
