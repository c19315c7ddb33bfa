import { createHash, timingSafeEqual } from 'node:crypto';
import { Readable, Transform } from 'node:stream';
import { isOrchestratorError, OrchestratorError } from '../errors.ts';
import type { BlobStore, StoredBytes } from '../ports.ts';

export interface Upload {
  readonly key: string;
  readonly maxBytes: number;
  /** Called when every byte has come; throws when it must not be stored after all. */
  readonly beforeStored: () => Promise<void>;
}

/** What is left of a body is read for so long, so that its sender gets to see the answer. */
const DRAIN_MS = 10_000;

/**
 * Stores the body of a request as it comes: as a whole or not at all. A `Content-Digest` (RFC 9530, sha-256) is held
 * against it. Throws `payload_too_large`, `invalid_request`, `storage_full` (507), and what `beforeStored` throws.
 */
export async function receiveUpload(
  request: Request,
  storage: Pick<BlobStore, 'put'>,
  upload: Upload,
): Promise<StoredBytes> {
  const body = request.body ? Readable.fromWeb(request.body) : Readable.from([]);
  const gate = createGate(upload, digestOf(request.headers.get('content-digest')));
  // A body that breaks off is no whole file.
  body.on('error', (error) => gate.destroy(error));
  try {
    if (Number(request.headers.get('content-length') ?? 0) > upload.maxBytes)
      throw tooLarge(upload.maxBytes);
    return await storage.put(upload.key, body.pipe(gate));
  } catch (error) {
    await drain(body);
    if (isOrchestratorError(error) && error.code === 'storage_full')
      throw new OrchestratorError('storage_full', error.message, { cause: error, status: 507 });
    throw error;
  }
}

function createGate({ maxBytes, beforeStored }: Upload, digest: Buffer | undefined): Transform {
  const hash = createHash('sha256');
  let bytes = 0;
  return new Transform({
    transform(piece: Buffer, _encoding, done) {
      bytes += piece.length;
      hash.update(piece);
      if (bytes > maxBytes) done(tooLarge(maxBytes));
      else done(null, piece);
    },
    flush(done) {
      if (digest && !timingSafeEqual(hash.digest(), digest))
        return done(
          new OrchestratorError(
            'invalid_request',
            `The ${bytes} bytes that came are not those of the Content-Digest. Send the file again.`,
          ),
        );
      beforeStored().then(() => done(), done);
    },
  });
}

function digestOf(header: string | null): Buffer | undefined {
  if (header === null) return undefined;
  const encoded = /(?:^|[\s,])sha-256=:([A-Za-z0-9+/]{43}=):/.exec(header)?.[1];
  if (encoded !== undefined) return Buffer.from(encoded, 'base64');
  throw new OrchestratorError(
    'invalid_request',
    'The Content-Digest names no sha-256. Send sha-256=:<base64>:, or leave the header out.',
  );
}

async function drain(body: Readable): Promise<void> {
  if (body.destroyed || body.readableEnded) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => body.destroy(), DRAIN_MS);
    body.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    // Before the pipe is taken down, which would pause it again.
    body.unpipe();
    body.resume();
  });
}

const tooLarge = (maxBytes: number): OrchestratorError =>
  new OrchestratorError(
    'payload_too_large',
    `The file is larger than ${maxBytes} bytes. The operator can raise MAX_OUTPUT_BYTES.`,
  );
