/** `/v2/consumer/blobs`: the link itself is the permission. */
import { Readable } from 'node:stream';
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { queryFlag } from '../contract/query-values.ts';
import { shown } from '../contract/field-errors.ts';
import type { BlobRecord, ServedBlob } from '../db/blobs.ts';
import { OrchestratorError } from '../errors.ts';
import { BLOB_PATH } from './blob-links.ts';
import { parseRange, type ByteRange } from './byte-range.ts';
import type { ApiDeps, ApiEnv } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';

/** Endpoint of stored pictures. */
export function blobEndpoints(deps: ApiDeps): readonly Endpoint[] {
  const { blobs, signer, storage } = deps;

  function requireSignature(blobId: string, sig: string, exp: string): void {
    const verdict = signer.verify(blobId, sig, exp);
    if (verdict === 'valid') return;
    const what =
      verdict === 'expired' ? `This link ended at ${exp}.` : 'The signature of this link is wrong.';
    throw new OrchestratorError(
      'forbidden',
      `${what} Read the job again (GET /v1/consumer/jobs/{jobId}); its blobUrl is a fresh link.`,
    );
  }

  async function openBlob(blob: BlobRecord, range: ByteRange | undefined): Promise<Readable> {
    // Opening an empty range would read everything.
    if (blob.bytes === 0) return Readable.from([]);
    const stream = await storage.open(blob.storageKey, range);
    if (stream) return stream;
    deps.logger.error(
      { blobId: blob.id, storageKey: blob.storageKey },
      'bytes of a blob are missing',
    );
    throw absent(blob.id);
  }

  return [
    endpoint({
      method: 'get',
      path: `${BLOB_PATH}/{blobId}`,
      access: 'signature',
      tag: 'Blobs (v2)',
      summary: 'Fetch a picture',
      description:
        'With the link of a job’s result. HEAD, one byte range, ETag and If-None-Match are understood.',
      params: z.object({
        blobId: z.string().openapi({ example: '37V4ZT4W3C4SX6P5G7M9K2RQDA.png' }),
      }),
      query: z.object({
        sig: z.string().default('').openapi({ description: 'Signature' }),
        exp: z.string().default('').openapi({ description: 'End of the link, ISO 8601' }),
        download: queryFlag(false, 'Names the file, so that browsers save it'),
        filename: z
          .string()
          .max(200)
          .optional()
          .openapi({ description: 'Its name with download=true' }),
      }),
      responses: {
        200: {
          description: 'The bytes',
          schema: z.any().openapi({ type: 'string', format: 'binary' }),
          mediaType: 'image/png',
        },
        206: { description: 'The asked range' },
        304: { description: 'Not modified' },
      },
      errors: [400, 403, 404, 416],
      async handle(c, { params, query }) {
        requireSignature(params.blobId, query.sig, query.exp);
        const blob = await blobs.findBlob(params.blobId);
        if (!blob) throw absent(params.blobId);
        const etag = `"${blob.sha256}"`;
        const headers = headersOf(
          blob,
          etag,
          query.download ? (query.filename ?? blob.id) : undefined,
        );
        if (matchesEtag(c.req.header('if-none-match'), etag))
          return new Response(null, { status: 304, headers });

        const range = rangeOf(c, blob, etag);
        if (range === 'unsatisfiable') {
          c.header('content-range', `bytes */${blob.bytes}`);
          throw new OrchestratorError(
            'range_not_satisfiable',
            `Range ${shown(c.req.header('range'))} lies beyond the ${blob.bytes} bytes there are. Ask for bytes=0-${Math.max(0, blob.bytes - 1)} or less.`,
          );
        }
        headers.set('content-length', String(range ? range.end - range.start + 1 : blob.bytes));
        if (range) headers.set('content-range', `bytes ${range.start}-${range.end}/${blob.bytes}`);
        const status = range ? 206 : 200;
        if (c.req.method === 'HEAD') return new Response(null, { status, headers });
        const stream = await openBlob(blob, range);
        return new Response(Readable.toWeb(stream) as ReadableStream, { status, headers });
      },
    }),
  ];
}

function rangeOf(
  c: Context<ApiEnv>,
  blob: BlobRecord,
  etag: string,
): ByteRange | 'unsatisfiable' | undefined {
  const ifRange = c.req.header('if-range');
  if (ifRange !== undefined && ifRange !== etag) return undefined;
  return parseRange(c.req.header('range'), blob.bytes);
}

function headersOf(blob: ServedBlob, etag: string, fileName: string | undefined): Headers {
  const headers = new Headers({
    'content-type': blob.contentType,
    'accept-ranges': 'bytes',
    'cache-control': blob.isTainted ? 'no-store' : 'private, max-age=3600',
    'last-modified': blob.createdAt.toUTCString(),
    'x-content-type-options': 'nosniff',
    // A stored SVG or HTML page must not run scripts on this origin.
    'content-security-policy': "default-src 'none'; sandbox",
    etag,
  });
  if (fileName !== undefined) {
    const plain = fileName.replace(/[^A-Za-z0-9._ -]/g, '_');
    headers.set(
      'content-disposition',
      `attachment; filename="${plain}"; filename*=UTF-8''${encodeURIComponent(fileName.replace(/\p{Surrogate}/gu, '_')).replace(/['()*]/g, '_')}`,
    );
  }
  return headers;
}

const matchesEtag = (header: string | undefined, etag: string): boolean =>
  (header ?? '')
    .split(',')
    .map((part) => part.trim().replace(/^W\//, ''))
    .some((part) => part === etag || part === '*');

const absent = (blobId: string): OrchestratorError =>
  new OrchestratorError(
    'not_found',
    `There is no blob ${shown(blobId)}; its retention may have ended. Submit the job again to draw it anew.`,
  );
