import { Readable } from 'node:stream';
import { Agent, type FormData } from 'undici';
import { isOrchestratorError, messageOf, OrchestratorError } from '../../errors.ts';
import { type HttpResponse, httpResponse, readText } from './http-response.ts';
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
  call<T>(spec: Call, read: (response: HttpResponse) => Promise<T>): Promise<T>;
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
  response: HttpResponse,
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

/** Of a host with several addresses, what the first one said. */
const causeOf = (error: unknown): string => {
  const cause: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return `${typeof code === 'string' ? `${code} ` : ''}${messageOf(cause)}`;
};

interface Exchange {
  readonly response: HttpResponse;
  /** Starts the time limit anew. */
  touch(): void;
  /** Stops the time limit: the other side is waiting for us. */
  hold(): void;
  finish(): void;
  failure(error: unknown): unknown;
}

/**
 * Connections of the whole process: kept for a few seconds, when they keep no process alive. A fifth of the processor
 * time of `fetch`, which is built on it. The time limits are our own; a call is never sent twice, and no redirect followed.
 */
const agent = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
const HEADERS = { accept: '*/*', 'accept-encoding': 'gzip', 'user-agent': 'node' };

const lowerCased = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

/** HTTP to one server. */
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
  const headers = { ...HEADERS, ...lowerCased(options.headers) };

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
      const { pathname, search } = endpoint(base, spec.path, spec.query);
      const answered = await agent.request({
        origin: base.origin,
        path: pathname + search,
        method: spec.method,
        headers: { ...headers, ...spec.headers },
        signal: controller.signal,
        ...(spec.body === undefined ? {} : { body: spec.body }),
      });
      const touch = (): void => {
        hold();
        timer = setTimeout(expire, timeoutMs);
      };
      return { response: httpResponse(answered), touch, hold, finish, failure };
    } catch (error) {
      finish();
      throw failure(error);
    }
  };

  const within = async <T>(
    exchange: Exchange,
    read: (response: HttpResponse) => Promise<T>,
  ): Promise<T> => {
    try {
      return await read(exchange.response);
    } catch (error) {
      throw exchange.failure(error);
    } finally {
      exchange.finish();
      exchange.response.body.destroy();
    }
  };

  const call = async <T>(spec: Call, read: (response: HttpResponse) => Promise<T>): Promise<T> =>
    within(await start(spec), read);

  const parsed = async (spec: Call, response: HttpResponse): Promise<unknown> => {
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

  const passedOn = (exchange: Exchange): Readable => {
    const { body } = exchange.response;
    const stream = new Readable({
      read: () => {
        if (!body.isPaused()) return;
        exchange.touch();
        body.resume();
      },
      destroy: (error, done) => {
        exchange.finish();
        body.destroy();
        done(error);
      },
    });
    body.on('data', (chunk: Uint8Array) => {
      exchange.touch();
      if (stream.push(chunk)) return;
      body.pause();
      exchange.hold();
    });
    body.once('end', () => {
      exchange.finish();
      stream.push(null);
    });
    body.once('error', (error) => stream.destroy(exchange.failure(error) as Error));
    return stream;
  };

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
      if (exchange.response.ok) return passedOn(exchange);
      return within(exchange, async (response) => {
        if (isRedirect(response.status)) throw redirected(named, spec);
        if (response.status !== 404) throw await unexpectedStatus(named, spec, response);
        await readText(response, ERROR_BODY_LIMIT);
        return undefined;
      });
    },
  };
};
