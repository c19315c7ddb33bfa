import { Readable } from 'node:stream';
import { withDeadline } from '../deadline.ts';
import { OrchestratorError } from '../errors.ts';
import type { AddressRules } from './address-rules.ts';
import { sendBounded, type OpenAnswer, type RequestBounds } from './bounded-request.ts';
import { retryAfterMs } from './retry-after.ts';
import {
  checkTarget,
  checkUrl,
  codeOf,
  systemResolve,
  type CheckedTarget,
  type Resolve,
} from './target-check.ts';

export interface PostRequest extends RequestBounds {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal?: AbortSignal;
}

export interface PostAnswer {
  readonly status: number;
  /** What `Retry-After` asks for, when it is there and can be read. */
  readonly retryAfterMs?: number;
}

export interface PutRequest extends RequestBounds {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable;
  readonly signal?: AbortSignal;
}

export interface GetRequest extends RequestBounds {
  readonly maxBytes: number;
  /** (Default: anything) */
  readonly accept?: string;
  readonly signal?: AbortSignal;
}

export interface FetchedFile {
  /** As the sender says it; the bytes may be something else. */
  readonly contentType: string | undefined;
  /** Must be read to its end or destroyed; fails with `fetch_too_large`, `fetch_timed_out` or `fetch_failed`. */
  readonly body: Readable;
}

/** Connections to addresses that clients name. */
export interface Outgoing {
  /** What is known without a name server. Throws `url_refused`. */
  check(url: string): void;
  /** The same with the name's addresses of this moment. Throws `url_refused` and `fetch_failed` (retryable). */
  checkAddresses(url: string): Promise<void>;
  /** Posts and returns the head of the answer, whatever it is. Throws `url_refused`, `fetch_failed`, `fetch_timed_out`. */
  post(url: string, request: PostRequest): Promise<PostAnswer>;
  /** Sends a file; anything but 2xx throws, a redirect too. Throws `url_refused`, `fetch_failed`, `fetch_timed_out`. */
  put(url: string, request: PutRequest): Promise<void>;
  /** Fetches a file; anything but 200 throws, a redirect too. Throws as its body does, and `url_refused`. */
  get(url: string, request: GetRequest): Promise<FetchedFile>;
}

/** An answer to a POST is read this far, so that its sender can end in peace; nothing of it is kept. */
const ANSWER_BYTES = 65_536;

const USER_AGENT = 'civitai-orchestrator';

/**
 * Connects to nothing but what `rules` allow, and to exactly the addresses that were checked. `resolve` is asked once
 * for each connection. (Default: the system's resolver)
 */
export function createOutgoing(rules: AddressRules, resolve: Resolve = systemResolve): Outgoing {
  // A name server may be as slow as any receiver: the deadline holds for both together.
  const withinTotal = async <Bounds extends RequestBounds>(
    url: string,
    bounds: Bounds,
  ): Promise<{ target: CheckedTarget; bounds: Bounds }> => {
    const startedAt = performance.now();
    const target = await withDeadline(
      checkTarget(url, rules, resolve),
      bounds.totalMs,
      () =>
        new OrchestratorError(
          'fetch_timed_out',
          `The name ${hostOf(url)} was not resolved after ${bounds.totalMs} ms.`,
          { retryable: true },
        ),
    );
    const left = bounds.totalMs - (performance.now() - startedAt);
    return { target, bounds: { ...bounds, totalMs: Math.max(1, Math.ceil(left)) } };
  };

  return {
    check: (url) => void checkUrl(url, rules),
    checkAddresses: async (url) => void (await checkTarget(url, rules, resolve)),

    async post(url, request) {
      const { target, bounds } = await withinTotal(url, request);
      const headers = { 'user-agent': USER_AGENT, ...request.headers };
      const answer = await sendBounded(target, { ...bounds, method: 'POST', headers });
      await drain(answer);
      const { 'retry-after': asked, date } = answer.message.headers;
      const waitMs = retryAfterMs(asked, date, Date.now());
      return { status: answer.status, ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }) };
    },

    async put(url, request) {
      try {
        const { target, bounds } = await withinTotal(url, request);
        const headers = { 'user-agent': USER_AGENT, ...request.headers };
        const answer = await sendBounded(target, { ...bounds, method: 'PUT', headers });
        await drain(answer);
        if (answer.status >= 200 && answer.status < 300) return;
        throw refusedBy('PUT', target.url, answer.status);
      } finally {
        request.body.destroy();
      }
    },

    async get(url, request) {
      const { target, bounds } = await withinTotal(url, request);
      const accept = request.accept ?? '*/*';
      const answer = await sendBounded(target, {
        ...bounds,
        method: 'GET',
        headers: { 'user-agent': USER_AGENT, accept, 'accept-encoding': 'identity' },
      });
      try {
        refuseUnlessFile(answer, target.url, request.maxBytes);
      } catch (error) {
        answer.release();
        throw error;
      }
      const contentType = answer.message.headers['content-type'];
      const body = Readable.from(bytesOf(answer, target.url, request.maxBytes), {
        objectMode: false,
      });
      // One that is destroyed before it was read never starts the generator that would release it.
      body.once('close', answer.release);
      return { contentType, body };
    },
  };
}

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : url);

const refusedBy = (method: string, url: URL, status: number): OrchestratorError =>
  status >= 300 && status < 400
    ? new OrchestratorError(
        'fetch_failed',
        `${method} ${url.origin} answered with a redirect (${status}); redirects are not followed. Name the final address.`,
      )
    : new OrchestratorError('fetch_failed', `${method} ${url.origin} answered ${status}.`, {
        retryable: status >= 500 || status === 429 || status === 408,
      });

function refuseUnlessFile({ status, message }: OpenAnswer, url: URL, maxBytes: number): void {
  if (status !== 200) throw refusedBy('GET', url, status);
  const encoding = message.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity')
    throw new OrchestratorError(
      'fetch_failed',
      `GET ${url.origin} answered with content-encoding ${JSON.stringify(encoding)} although identity was asked for.`,
    );
  const announced = Number(message.headers['content-length'] ?? 0);
  if (announced > maxBytes) throw tooLarge(url, maxBytes, `${announced} bytes`);
}

const tooLarge = (url: URL, maxBytes: number, seen: string): OrchestratorError =>
  new OrchestratorError(
    'fetch_too_large',
    `GET ${url.origin}: the file has ${seen}; at most ${maxBytes} are fetched.`,
  );

async function* bytesOf(
  { message, release }: OpenAnswer,
  url: URL,
  maxBytes: number,
): AsyncGenerator<Buffer> {
  let seen = 0;
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      seen += chunk.byteLength;
      if (seen > maxBytes) throw tooLarge(url, maxBytes, `more than ${maxBytes} bytes`);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof OrchestratorError) throw error;
    throw new OrchestratorError('fetch_failed', `GET ${url.origin} broke off: ${codeOf(error)}.`, {
      retryable: true,
      cause: error,
    });
  } finally {
    release();
  }
}

/** The status decides: what comes behind it may be endless or break off. */
async function drain({ message, release }: OpenAnswer): Promise<void> {
  let seen = 0;
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      seen += chunk.byteLength;
      if (seen > ANSWER_BYTES) break;
    }
  } catch {
    // The receiver had answered already.
  } finally {
    release();
  }
}
