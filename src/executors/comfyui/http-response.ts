import { type Readable, type Transform, pipeline } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { Dispatcher } from 'undici';

/** What a server answered, whatever its status. */
export interface HttpResponse {
  readonly status: number;
  /** The status is 2xx. */
  readonly ok: boolean;
  /** A header by its name in lower case. */
  header(name: string): string | undefined;
  /** Decoded. */
  readonly body: Readable;
}

const DECODERS: ReadonlyMap<string, () => Transform> = new Map<string, () => Transform>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
]);

const ignore = (): void => undefined;

const decoded = (body: Readable, encodings: string): Readable =>
  encodings.split(',').reduceRight<Readable>((stream, name) => {
    const decoder = DECODERS.get(name.trim().toLowerCase());
    return decoder ? pipeline(stream, decoder(), ignore) : stream;
  }, body);

/** The answer with its body decoded. A body that fails while nobody reads it does not end the process. */
export const httpResponse = ({
  statusCode: status,
  headers,
  body,
}: Dispatcher.ResponseData): HttpResponse => {
  const header = (name: string): string | undefined => {
    const value = headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  };
  const encodings = header('content-encoding');
  const plain = encodings === undefined ? body : decoded(body, encodings);
  plain.on('error', ignore);
  return { status, ok: status >= 200 && status < 300, header, body: plain };
};

/**
 * Hands over the body as it comes while `take` returns true; false when it ended the reading, and with it the
 * connection. By events: with `for await` a call takes half as much processor time again.
 */
export const readChunks = (
  { body }: HttpResponse,
  take: (chunk: Uint8Array) => boolean,
): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const cutOff = (): void => reject(body.errored ?? new Error('the answer was cut off'));
    if (body.destroyed) return cutOff();
    const stop = (error?: unknown): void => {
      body.removeAllListeners('data').destroy(error as Error | undefined);
    };
    body.on('data', (chunk: Uint8Array) => {
      try {
        if (take(chunk)) return;
        resolve(false);
        stop();
      } catch (error) {
        stop(error);
      }
    });
    body.once('end', () => resolve(true));
    body.once('error', reject);
    body.once('close', () => {
      if (!body.readableEnded) cutOff();
    });
  });

/** At most `limit` bytes of the body as text; the rest is not read. */
export const readText = async (
  response: HttpResponse,
  limit: number,
): Promise<{ text: string; whole: boolean }> => {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const whole = await readChunks(response, (chunk) => {
    chunks.push(chunk.subarray(0, limit - bytes));
    bytes += chunk.length;
    return bytes <= limit;
  });
  const read = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
  return { text: new TextDecoder().decode(read, { stream: !whole }), whole };
};
