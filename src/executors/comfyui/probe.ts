import { isOrchestratorError, messageOf } from '../../errors.ts';
import type { ServerReport } from '../../ports.ts';
import { readBootId } from './boot-id.ts';
import type { ComfyHttp } from './http.ts';
import { asArray, asNumber, asObject, asString } from './json-read.ts';

/** Folders whose files a graph can name; ComfyUI calls some by an old and a new name. */
const MODEL_FOLDERS = [
  'checkpoints',
  'loras',
  'vae',
  'embeddings',
  'diffusion_models',
  'unet',
  'clip',
  'text_encoders',
  'controlnet',
  'upscale_models',
] as const;

export const readStats = (http: ComfyHttp, signal?: AbortSignal): Promise<unknown> =>
  http.json({ method: 'GET', path: '/system_stats', signal });

/** Half a surrogate pair is how a server lists bytes that are no UTF-8; PostgreSQL cannot hold it. */
const isFileName = (name: unknown): name is string =>
  typeof name === 'string' && !/[\0\p{Surrogate}]/u.test(name);

/** Model folder → names as the server lists them; folders it does not know are left out. */
export const listModelFiles = async (
  http: ComfyHttp,
  signal?: AbortSignal,
): Promise<Readonly<Record<string, readonly string[]>>> => {
  const lists = await Promise.all(
    MODEL_FOLDERS.map(async (folder) => {
      const list = await http.jsonIfFound({ method: 'GET', path: `/models/${folder}`, signal });
      return [folder, list] as const;
    }),
  );
  return Object.fromEntries(
    lists.flatMap(([folder, list]) =>
      list === undefined ? [] : [[folder, asArray(list).filter(isFileName)] as const],
    ),
  );
};

const classesOf = async (
  http: ComfyHttp,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> =>
  Object.keys(asObject(await http.json({ method: 'GET', path: '/object_info', signal })) ?? {});

/**
 * What the server says of itself. Never throws for a server that is away, only the signal's reason. The node classes,
 * whose list is large and slow to make, are asked for once per start of the server.
 */
export const createProbe = (http: ComfyHttp): ((signal?: AbortSignal) => Promise<ServerReport>) => {
  let known: { bootId: string; classes: readonly string[] } | undefined;

  return async (signal) => {
    try {
      const [stats, files] = await Promise.all([
        readStats(http, signal),
        listModelFiles(http, signal),
      ]);
      const bootId = await readBootId(http, stats, signal);
      if (known?.bootId !== bootId) known = { bootId, classes: await classesOf(http, signal) };
      const version = asString(asObject(asObject(stats)?.['system'])?.['comfyui_version']);
      const device = asObject(asArray(asObject(stats)?.['devices'])[0]);
      const deviceName = asString(device?.['name']);
      const vramBytes = asNumber(device?.['vram_total']);
      return {
        serverId: http.serverId,
        reachable: true,
        bootId,
        files,
        nodeClasses: known.classes,
        ...(version === undefined ? {} : { version }),
        ...(deviceName === undefined ? {} : { device: deviceName }),
        ...(vramBytes === undefined ? {} : { vramBytes }),
      };
    } catch (error) {
      if (!isOrchestratorError(error)) throw error;
      return { serverId: http.serverId, reachable: false, error: messageOf(error) };
    }
  };
};
