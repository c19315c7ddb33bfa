import { Readable } from 'node:stream';
import { isOrchestratorError, messageOf, OrchestratorError } from '../../errors.ts';
import { parseJson } from './json-read.ts';
import { SINGLE_SERVER, type SettingNames } from './setting-names.ts';
import { endpoint } from './urls.ts';

export interface Call {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: string | FormData;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** More than any real answer of this call. (Default: 8 MB) */
  readonly maxBytes?: number;
}

/** What messages call a server and its settings. */
export interface ServerName {
  readonly serverId: string;
  readonly setIn: SettingNames;
}

/** One server's HTTP. Every call throws `server_unreachable` when no complete answer came in time. */
export interface ComfyHttp extends ServerName {
  /** Hands the answer to `read`, whatever its status; the time limit covers both. */
  call<T>(spec: Call, read: (response: Response) => Promise<T>): Promise<T>;
  /** Parsed body of a 2xx answer; throws `server_error` for every other status and for what is no JSON. */
  json(spec: Call): Promise<unknown>;
  /** Like `json`, but undefined on 404. */
  jsonIfFound(spec: Call): Promise<unknown>;
  /** Body of a 2xx answer as it comes, or undefined on 404; the time limit is per chunk. */
  stream(spec: Call): Promise<Readable | undefined>;
}

/** Parsed JSON may take twenty times its bytes of memory. */
const BODY_LIMIT = 8 * 1024 * 1024;
const ERROR_BODY_LIMIT = 4096;

/** At most `limit` bytes of the body as text; the rest is not read. */
export const readText = async (
  response: Response,
  limit: number,
): Promise<{ text: string; whole: boolean }> => {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  if (response.body === null) return { text, whole: true };
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    const room = limit - bytes;
    text += decoder.decode(chunk.subarray(0, room), { stream: true });
    bytes += chunk.length;
    if (bytes > limit) return { text, whole: false };
  }
  return { text: text + decoder.decode(), whole: true };
};

const oneLine = (text: string, limit: number): string => {
  // Control characters too: what a server says is shown to people and kept in a database.
  const line = text.replace(/[\s\p{Cc}\p{Surrogate}]+/gu, ' ').trim();
  return line.length > limit ? `${line.slice(0, limit)}…` : line;
};

/** ComfyUI itself knows no callers: these come from a proxy that wants credentials. */
export const REFUSED_CALLER: ReadonlySet<number> = new Set([401, 403, 407]);

/** A status the protocol does not foresee: retryable, because what it means for a submit is unknown. */
export const unexpectedStatus = async (
  { serverId, setIn }: ServerName,
  spec: Call,
  response: Response,
): Promise<OrchestratorError> => {
  const { text } = await readText(response, ERROR_BODY_LIMIT);
  const said = oneLine(text, 300);
  const advice = REFUSED_CALLER.has(response.status)
    ? `check the credentials in ${setIn.credentials}`
    : response.status >= 500
      ? 'look into the log of the server'
      : `check ${setIn.address} and what stands between this process and the server`;
  return new OrchestratorError(
    'server_error',
    `ComfyUI ${serverId} answered ${response.status} to ${spec.method} ${spec.path}` +
      `${said === '' ? '' : `: ${said}`}; ${advice}`,
    { retryable: true },
  );
};

const isRedirect = (status: number): boolean => status >= 300 && status < 400;

/** A file that lies elsewhere is not fetched: credentials of the server do not belong there. */
const redirected = ({ serverId, setIn }: ServerName, spec: Call): OrchestratorError =>
  new OrchestratorError(
    'output_invalid',
    `ComfyUI ${serverId} answered ${spec.method} ${spec.path} with a redirect, which is not followed; ` +
      `let ${setIn.address} lead to ComfyUI itself`,
  );

const causeOf = (error: unknown): string => {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error) {
    const code = 'code' in cause && typeof cause.code === 'string' ? `${cause.code} ` : '';
    return `${code}${cause.message}`;
  }
  return messageOf(error);
};

interface Exchange {
  readonly response: Response;
  /** Starts the time limit anew. */
  touch(): void;
  /** Stops the time limit: the other side is waiting for us. */
  hold(): void;
  finish(): void;
  failure(error: unknown): unknown;
}

/** HTTP to one server over the process-wide keep-alive pool of `fetch`. */
export const createComfyHttp = (options: {
  readonly serverId: string;
  readonly base: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** (Default: those of a single server) */
  readonly setIn?: SettingNames;
}): ComfyHttp => {
  const { serverId, base, timeoutMs, setIn = SINGLE_SERVER } = options;
  const named: ServerName = { serverId, setIn };

  const unreachable = (spec: Call, why: string, cause?: unknown): OrchestratorError =>
    new OrchestratorError(
      'server_unreachable',
      `ComfyUI ${serverId} at ${base.origin} gave no answer to ${spec.method} ${spec.path}: ${why}; ` +
        `check that it runs and that ${setIn.address} is right`,
      { retryable: true, cause },
    );

  const start = async (spec: Call): Promise<Exchange> => {
    spec.signal?.throwIfAborted();
    const controller = new AbortController();
    const expire = (): void => controller.abort(new Error(`no answer within ${timeoutMs} ms`));
    const cancel = (): void => controller.abort(spec.signal?.reason);
    let timer = setTimeout(expire, timeoutMs);
    spec.signal?.addEventListener('abort', cancel, { once: true });
    const hold = (): void => clearTimeout(timer);
    const finish = (): void => {
      hold();
      spec.signal?.removeEventListener('abort', cancel);
    };
    const failure = (error: unknown): unknown => {
      if (spec.signal?.aborted === true) return spec.signal.reason as unknown;
      if (isOrchestratorError(error)) return error;
      const reason: unknown = controller.signal.aborted ? controller.signal.reason : error;
      return unreachable(spec, causeOf(reason), error);
    };
    try {
      const response = await fetch(endpoint(base, spec.path, spec.query), {
        method: spec.method,
        headers: { ...options.headers, ...spec.headers },
        redirect: 'manual',
        signal: controller.signal,
        ...(spec.body === undefined ? {} : { body: spec.body }),
      });
      const touch = (): void => {
        hold();
        timer = setTimeout(expire, timeoutMs);
      };
      return { response, touch, hold, finish, failure };
    } catch (error) {
      finish();
      throw failure(error);
    }
  };

  const call = async <T>(spec: Call, read: (response: Response) => Promise<T>): Promise<T> => {
    const exchange = await start(spec);
    try {
      return await read(exchange.response);
    } catch (error) {
      throw exchange.failure(error);
    } finally {
      exchange.finish();
    }
  };

  const parsed = async (spec: Call, response: Response): Promise<unknown> => {
    if (!response.ok) throw await unexpectedStatus(named, spec, response);
    const limit = spec.maxBytes ?? BODY_LIMIT;
    const { text, whole } = await readText(response, limit);
    const value = whole ? parseJson(text) : undefined;
    if (value === undefined) {
      const seen = whole ? oneLine(text, 120) : `more than ${limit} bytes`;
      throw new OrchestratorError(
        'server_error',
        `ComfyUI ${serverId} answered ${spec.method} ${spec.path} with no JSON that can be used (${seen}); ` +
          `check that ${setIn.address} leads to ComfyUI and not to a login or error page`,
        { retryable: true },
      );
    }
    return value;
  };

  async function* chunksOf(exchange: Exchange): AsyncGenerator<Uint8Array> {
    try {
      const body = exchange.response.body as AsyncIterable<Uint8Array> | null;
      if (body === null) return;
      for await (const chunk of body) {
        exchange.hold();
        yield chunk;
        exchange.touch();
      }
    } catch (error) {
      throw exchange.failure(error);
    } finally {
      exchange.finish();
    }
  }

  return {
    ...named,
    call,
    json: (spec) => call(spec, (response) => parsed(spec, response)),
    jsonIfFound: (spec) =>
      call(spec, async (response) => {
        if (response.status !== 404) return parsed(spec, response);
        await readText(response, ERROR_BODY_LIMIT);
        return undefined;
      }),
    async stream(spec) {
      const exchange = await start(spec);
      if (exchange.response.ok) return Readable.from(chunksOf(exchange), { objectMode: false });
      try {
        if (isRedirect(exchange.response.status)) throw redirected(named, spec);
        if (exchange.response.status !== 404) {
          throw await unexpectedStatus(named, spec, exchange.response);
        }
        await readText(exchange.response, ERROR_BODY_LIMIT);
        return undefined;
      } catch (error) {
        throw exchange.failure(error);
      } finally {
        exchange.finish();
      }
    },
  };
};
