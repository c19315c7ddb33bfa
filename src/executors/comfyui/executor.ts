import { OrchestratorError } from '../../errors.ts';
import type { Executor, Logger } from '../../ports.ts';
import { readBootId } from './boot-id.ts';
import { createFeeds } from './feeds.ts';
import { createComfyHttp } from './http.ts';
import { look } from './look.ts';
import { outputQuery } from './output-place.ts';
import { createProbe, readStats } from './probe.ts';
import type { SettingNames } from './setting-names.ts';
import { ComfySocket, type SocketTiming } from './socket.ts';
import { submitPrompt } from './submit.ts';
import { uploadInput } from './upload.ts';
import { comfyUrls } from './urls.ts';
import { watchPrompt } from './watch.ts';
import { withdrawPrompt } from './withdraw.ts';

export interface ComfyExecutorOptions {
  readonly serverId: string;
  /** With or without `/prompt`; at least one of the two URLs. */
  readonly httpUrl?: string;
  readonly wsUrl?: string;
  /** Must differ between processes that live at the same time. */
  readonly clientId: string;
  readonly logger: Logger;
  /** Between looks while the socket is alive. (Default: 1000) */
  readonly pollMs?: number;
  /** For an answer to begin and end, or between two chunks of an output. (Default: 30000) */
  readonly requestTimeoutMs?: number;
  /** Sent with every request and with the socket's handshake. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What its operator set it up by. (Default: the variables of a single server) */
  readonly setIn?: SettingNames;
  /** How long the list of model files counts. (Default: 30000) */
  readonly listsEveryMs?: number;
  readonly socketTiming?: Partial<SocketTiming>;
}

/** A server that loads a model may answer late; one that takes longer is taken for away until it answers. */
const PROBE_TIMEOUT_MS = 10_000;

/** An executor for one ComfyUI server. Opens its socket with the first prompt. Throws `configuration`. */
export const createComfyExecutor = (options: ComfyExecutorOptions): Executor => {
  const { serverId, clientId, logger } = options;
  const urls = comfyUrls(options.httpUrl, options.wsUrl);
  const headers = { ...urls.headers, ...options.headers };
  const timeoutMs = options.requestTimeoutMs ?? 30_000;
  const httpWithin = (ms: number) =>
    createComfyHttp({
      ...{ serverId, base: urls.http, headers, timeoutMs: ms },
      ...(options.setIn === undefined ? {} : { setIn: options.setIn }),
    });
  const http = httpWithin(timeoutMs);
  const feeds = createFeeds();
  // A restart cuts the socket, so a socket that stayed has stayed with the same process.
  let bootId: string | undefined;
  let connections = 0;
  const socket = new ComfySocket({
    serverId,
    url: urls.ws,
    clientId,
    headers: { ...urls.wsHeaders, ...options.headers },
    logger,
    onMessage: feeds.take,
    onChange: () => {
      bootId = undefined;
      connections += 1;
      feeds.wakeAll();
    },
    ...(options.socketTiming === undefined ? {} : { timing: options.socketTiming }),
  });
  const readBoot = async (stats: unknown, signal?: AbortSignal): Promise<string> => {
    if (bootId !== undefined && socket.alive) return bootId;
    const asked = connections;
    const read = await readBootId(http, stats ?? (await readStats(http, signal)), signal);
    if (socket.alive && asked === connections) bootId = read;
    return read;
  };
  const watchDeps = {
    http,
    feeds,
    socketAlive: () => socket.alive,
    pollMs: options.pollMs ?? 1000,
  };

  return {
    serverId,
    ...createProbe({
      quick: httpWithin(Math.min(timeoutMs, PROBE_TIMEOUT_MS)),
      patient: http,
      readBoot,
      listsEveryMs: options.listsEveryMs ?? 30_000,
    }),
    find: (promptId, signal) => {
      socket.start();
      return look(http, promptId, signal);
    },
    uploadInput: (file, signal) => uploadInput(http, file, signal),
    submit: (prompt, signal) => {
      socket.start();
      return submitPrompt({ http, feeds, socket, clientId }, prompt, signal);
    },
    watch: (promptId, watchOptions) => {
      socket.start();
      return watchPrompt(watchDeps, promptId, watchOptions);
    },
    withdraw: (promptId, signal) => withdrawPrompt(http, promptId, signal),
    bootId: (signal) => readBoot(undefined, signal),
    fetchOutput: async (file, signal) => {
      const { filename, subfolder, type } = file;
      const query = outputQuery(file);
      const stream = await http.stream({ method: 'GET', path: '/view', query, signal });
      if (stream !== undefined) return stream;
      throw new OrchestratorError(
        'output_missing',
        `ComfyUI ${serverId} has no ${type} file ${subfolder === '' ? '' : `${subfolder}/`}${filename} ` +
          `of node ${file.nodeId}, though its history names it; was its ${type} directory cleaned?`,
      );
    },
    close: () => socket.close(),
  };
};
