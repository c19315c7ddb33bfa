/** The worker's end of the API's `/internal` calls. */
import { Readable } from 'node:stream';
import type { z } from 'zod';
import { isOrchestratorError, messageOf, OrchestratorError } from '../errors.ts';
import { failureOf } from './api-failure.ts';

export interface ApiChannel {
  /** Sends JSON with the worker key; the answer is checked when a schema is given. Throws as `failureOf` says. */
  call<T = void>(
    method: 'PUT' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
    schema?: z.ZodType<T>,
  ): Promise<T>;
  /** PUTs bytes to a signed path as they come. Throws what the source throws, else as `failureOf` says. */
  upload<T>(path: string, source: AsyncIterable<Uint8Array>, schema: z.ZodType<T>): Promise<T>;
  /** Reads a signed path as it comes; undefined when nothing is there. */
  download(path: string): Promise<Readable | undefined>;
}

const CALL_TIMEOUT_MS = 10_000;
/** Between two pieces of a body, and from its end to the answer: the API waits for its disk. */
const STALL_TIMEOUT_MS = 60_000;
const ANSWER_LIMIT = 64 * 1024;

/** Throws `configuration` unless both values are set. */
export function createApiChannel(config: {
  readonly API_URL?: string | undefined;
  readonly WORKER_KEY?: string | undefined;
}): ApiChannel {
  const { API_URL, WORKER_KEY } = config;
  if (API_URL === undefined || WORKER_KEY === undefined)
    throw new OrchestratorError(
      'configuration',
      'A gpu worker without DATABASE_URL, or with STORAGE=remote, needs API_URL (API_URL=http://localhost:3000) and WORKER_KEY, the same as at the API.',
    );
  const base = API_URL.replace(/\/+$/, '');
  const { origin } = new URL(API_URL);

  const send = async (path: string, init: RequestInit): Promise<Response> => {
    try {
      // Not followed: where an answer leads to is not where the key belongs.
      return await fetch(base + path, { ...init, redirect: 'manual' });
    } catch (error) {
      throw unreachable(origin, error, init.signal);
    }
  };

  const answerOf = async <T>(
    what: string,
    response: Response,
    schema: z.ZodType<T> | undefined,
  ): Promise<T> => {
    const text = await readText(response).catch((error: unknown) => {
      throw unreachable(origin, error);
    });
    if (!response.ok) throw failureOf(what, origin, response.status, text);
    if (schema === undefined) return undefined as T;
    const parsed = schema.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    throw failureOf(what, origin, response.status, text);
  };

  return {
    async call(method, path, body, schema) {
      const response = await send(path, {
        method,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${WORKER_KEY}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      });
      return answerOf(`${method} ${path}`, response, schema);
    },

    async upload(path, source, schema) {
      const watch = watchStalls();
      let broken: { readonly error: unknown } | undefined;
      const body = async function* (): AsyncGenerator<Uint8Array> {
        try {
          for await (const piece of source) {
            watch.touch();
            yield piece;
          }
        } catch (error) {
          broken = { error };
          throw error;
        }
      };
      try {
        const response = await send(path, {
          method: 'PUT',
          headers: { 'content-type': 'application/octet-stream' },
          body: body(),
          duplex: 'half',
          signal: watch.signal,
        });
        return await answerOf('PUT of a file', response, schema);
      } catch (error) {
        throw broken === undefined ? error : broken.error;
      } finally {
        watch.end();
      }
    },

    async download(path) {
      const watch = watchStalls();
      try {
        const response = await send(path, { method: 'GET', signal: watch.signal });
        if (response.status === 404) {
          await response.body?.cancel();
          watch.end();
          return undefined;
        }
        if (!response.ok) await answerOf('GET of a file', response, undefined);
        return Readable.from(piecesOf(response, watch, origin), { objectMode: false });
      } catch (error) {
        watch.end();
        throw error;
      }
    },
  };
}

interface StallWatch {
  readonly signal: AbortSignal;
  touch(): void;
  end(): void;
}

function watchStalls(): StallWatch {
  const controller = new AbortController();
  const stall = (): void =>
    controller.abort(new Error(`nothing moved for ${STALL_TIMEOUT_MS / 1_000} s`));
  let timer = setTimeout(stall, STALL_TIMEOUT_MS);
  const end = (): void => clearTimeout(timer);
  const touch = (): void => {
    end();
    timer = setTimeout(stall, STALL_TIMEOUT_MS);
  };
  return { signal: controller.signal, touch, end };
}

async function* piecesOf(
  response: Response,
  watch: StallWatch,
  origin: string,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      watch.touch();
      yield piece;
    }
  } catch (error) {
    throw unreachable(origin, error, watch.signal);
  } finally {
    watch.end();
  }
}

/** Thrown away beyond what any answer of ours has. */
async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > ANSWER_LIMIT) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

function unreachable(
  origin: string,
  error: unknown,
  signal?: AbortSignal | null,
): OrchestratorError {
  if (isOrchestratorError(error)) return error;
  const reason: unknown = signal?.aborted === true ? signal.reason : error;
  const cause = reason instanceof Error ? (reason.cause ?? reason) : reason;
  return new OrchestratorError(
    'unavailable',
    `The API at ${origin} gave no answer: ${messageOf(cause)}. Check that it runs and that API_URL is right; this is tried again.`,
    { retryable: true, cause: error },
  );
}
