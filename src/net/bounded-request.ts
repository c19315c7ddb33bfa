import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { OrchestratorError } from '../errors.ts';
import { explainedCode } from './certificate-fault.ts';
import { codeOf, type CheckedTarget } from './target-check.ts';

export interface RequestBounds {
  /** From the connection to the last byte of the answer. */
  readonly totalMs: number;
  /** Without a byte in either direction. */
  readonly idleMs: number;
}

export interface OutgoingRequest extends RequestBounds {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | Readable;
  readonly signal?: AbortSignal;
}

/** An answer whose body is still to be read; `release` ends the connection and must be called. */
export interface OpenAnswer {
  readonly status: number;
  readonly message: IncomingMessage;
  release(): void;
}

/** Headers of an answer take 16 KB at most: Node's own limit, said here so that nobody raises it by a flag. */
const MAX_HEADER_BYTES = 16_384;

/** Hands out exactly what was checked: no second look at the name, so it cannot have changed meanwhile. */
const lookupOf =
  ({ addresses }: CheckedTarget): LookupFunction =>
  (_hostname, options, callback) => {
    if (options.all) callback(null, [...addresses]);
    else callback(null, addresses[0].address, addresses[0].family);
  };

/**
 * Sends one request on a connection of its own to the checked address; redirects are answers like any other. Throws
 * `fetch_failed` (retryable) and `fetch_timed_out` (retryable); after the head, the message's stream fails with them.
 */
export async function sendBounded(
  target: CheckedTarget,
  options: OutgoingRequest,
): Promise<OpenAnswer> {
  const shown = `${options.method} ${target.url.protocol}//${target.url.host}`;
  const timedOut = (what: string): OrchestratorError =>
    new OrchestratorError('fetch_timed_out', `${shown}: ${what}.`, { retryable: true });

  const settings: RequestOptions = {
    method: options.method,
    headers: options.headers,
    lookup: lookupOf(target),
    // A connection of its own: none that was opened for an address checked earlier.
    agent: false,
    maxHeaderSize: MAX_HEADER_BYTES,
    timeout: options.idleMs,
  };
  const send = target.url.protocol === 'https:' ? httpsRequest : httpRequest;
  const request = send(target.url, settings);
  // Also when nobody waits for it any more: an unheard failure would end the process.
  request.on('error', () => undefined);
  let answer: IncomingMessage | undefined;
  // Once there is an answer, whoever reads it is told the reason.
  const fail = (error: Error): void => void (answer ?? request).destroy(error);
  const total = setTimeout(
    () => fail(timedOut(`not over after ${options.totalMs} ms`)),
    options.totalMs,
  );
  const abort = (): void => fail(asError(options.signal?.reason));
  const release = (): void => {
    clearTimeout(total);
    options.signal?.removeEventListener('abort', abort);
    request.destroy();
  };
  options.signal?.addEventListener('abort', abort, { once: true });
  request.on('timeout', () => fail(timedOut(`nothing was heard for ${options.idleMs} ms`)));

  try {
    options.signal?.throwIfAborted();
    const message = await new Promise<IncomingMessage>((resolve, reject) => {
      request.on('response', (received) => {
        answer = received;
        // Also when it is never read: what fails then is of no interest, but must not end the process.
        received.on('error', () => undefined);
        resolve(received);
      });
      request.on('error', reject);
      // A source that fails takes the request with it; one whose request is over is ended.
      if (options.body instanceof Readable) pipeline(options.body, request, () => undefined);
      else request.end(options.body);
    });
    return { status: message.statusCode ?? 0, message, release };
  } catch (error) {
    release();
    if (error instanceof OrchestratorError || options.signal?.aborted) throw error;
    throw new OrchestratorError(
      'fetch_failed',
      `${shown} failed: ${explainedCode(codeOf(error))}.`,
      {
        retryable: true,
        cause: error,
      },
    );
  }
}

const asError = (reason: unknown): Error =>
  reason instanceof Error ? reason : new Error('aborted', { cause: reason });
