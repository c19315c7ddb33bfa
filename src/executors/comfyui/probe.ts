import { createHash } from 'node:crypto';
import { isOrchestratorError, messageOf } from '../../errors.ts';
import type { ServerReport } from '../../ports.ts';
import type { ComfyHttp } from './http.ts';
import { readObjectKeys } from './object-keys.ts';
import { asArray, asLabel, asObject } from './json-read.ts';

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
  'clip_vision',
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

/** A whole number that a database can hold, or undefined. */
const asCount = (value: unknown, most = Number.MAX_SAFE_INTEGER): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most
    ? value
    : undefined;

const classesOf = async (
  http: ComfyHttp,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> =>
  readObjectKeys(http, { method: 'GET', path: '/object_info', signal });

/** More prompts than this are not counted one by one: each carries its whole graph. */
const MOST_COUNTED = 16;
const QUEUE_BYTES = 32 * 1024 * 1024;
/** What a server says beyond this is not believed. */
const MOST_PROMPTS = 1_000_000;

/** ComfyUI has one thread that runs prompts: what is not running waits. */
const countPrompts = async (
  http: ComfyHttp,
  signal: AbortSignal | undefined,
): Promise<{ running?: number; waiting?: number }> => {
  const answer = asObject(await http.jsonIfFound({ method: 'GET', path: '/prompt', signal }));
  const remaining = asCount(asObject(answer?.['exec_info'])?.['queue_remaining'], MOST_PROMPTS);
  if (remaining === undefined) return {};
  if (remaining === 0) return { running: 0, waiting: 0 };
  if (remaining > MOST_COUNTED) return { running: 1, waiting: remaining - 1 };
  const queue = asObject(
    await http.json({ method: 'GET', path: '/queue', signal, maxBytes: QUEUE_BYTES }),
  );
  return {
    running: asArray(queue?.['queue_running']).length,
    waiting: asArray(queue?.['queue_pending']).length,
  };
};

interface Lists {
  readonly files: Readonly<Record<string, readonly string[]>>;
  readonly nodeClasses: readonly string[];
  readonly listsHash: string;
}

const hashOf = (...lists: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(lists)).digest('hex').slice(0, 32);

/**
 * The lists of one server. Node classes change with a restart only, and their list is large and slow to make; files are
 * read again when they are older than `everyMs`.
 */
const createLists = (http: ComfyHttp, everyMs: number) => {
  let kept: (Lists & { readonly bootId: string; readonly readAtMs: number }) | undefined;
  return {
    forget: () => {
      if (kept) kept = { ...kept, readAtMs: 0 };
    },
    async read(bootId: string, signal: AbortSignal | undefined): Promise<Lists> {
      const isSame = kept?.bootId === bootId;
      if (kept && isSame && Date.now() - kept.readAtMs < everyMs) return kept;
      const [files, nodeClasses] = await Promise.all([
        listModelFiles(http, signal),
        kept && isSame ? kept.nodeClasses : classesOf(http, signal),
      ]);
      const listsHash = hashOf(files, nodeClasses);
      kept = { files, nodeClasses, listsHash, bootId, readAtMs: Date.now() };
      return kept;
    },
  };
};

export interface Probe {
  /** What the server says of itself. Never throws for a server that is away, only the signal's reason. */
  probe(signal?: AbortSignal): Promise<ServerReport>;
  /** The next probe reads the lists anew. */
  forgetLists(): void;
}

export interface ProbeOptions {
  /** With a short time limit: a server that is away shall not be waited for. */
  readonly quick: ComfyHttp;
  /** For the lists, which take a server with many nodes long. */
  readonly patient: ComfyHttp;
  /** The boot id, given the answer of `/system_stats`. */
  readonly readBoot: (stats: unknown, signal?: AbortSignal) => Promise<string>;
  readonly listsEveryMs: number;
}

/** A probe costs two small calls while the socket stands and the lists are fresh. */
export const createProbe = (options: ProbeOptions): Probe => {
  const { quick: http, patient, listsEveryMs } = options;
  const lists = createLists(patient, listsEveryMs);
  return {
    forgetLists: lists.forget,
    async probe(signal) {
      try {
        const [stats, prompts] = await Promise.all([
          readStats(http, signal),
          countPrompts(http, signal),
        ]);
        const bootId = await options.readBoot(stats, signal);
        const { files, nodeClasses, listsHash } = await lists.read(bootId, signal);
        const version = asLabel(asObject(asObject(stats)?.['system'])?.['comfyui_version']);
        const device = asObject(asArray(asObject(stats)?.['devices'])[0]);
        const deviceName = asLabel(device?.['name']);
        const vramBytes = asCount(device?.['vram_total']);
        return {
          serverId: http.serverId,
          reachable: true,
          bootId,
          files,
          nodeClasses,
          listsHash,
          ...prompts,
          ...(version === undefined ? {} : { version }),
          ...(deviceName === undefined ? {} : { device: deviceName }),
          ...(vramBytes === undefined ? {} : { vramBytes }),
        };
      } catch (error) {
        if (!isOrchestratorError(error)) throw error;
        return { serverId: http.serverId, reachable: false, error: messageOf(error) };
      }
    },
  };
};
