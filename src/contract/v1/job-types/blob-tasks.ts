/** `blobGet`, `blobUpload`, `blobPin`, `blobUnpin`, `blobDelete`: files of the tenant by their keys. */
import { z } from '@hono/zod-openapi';
import { timeSpanMs, TimeSpan } from '../time-span.ts';
import { commonFields } from './common-fields.ts';
import { defineTask } from './define-task.ts';

/** Also what a copy may be called. */
export const BlobKey = z.string().min(1).max(200).openapi({
  description: 'Key of a stored file (`blobKey` of a result), or a name given at its upload',
  example: '37V4ZT4W3C4SX6P5G7M9K2RQDA.png',
});

const duration = TimeSpan.nullish().openapi({
  description: 'Life of the link (default: BLOB_URL_TTL_SECONDS)',
});
const type = (example: string) => z.string().openapi({ example });
const linkOf = (value: unknown): { linkMs?: number } => {
  const linkMs = timeSpanMs(value);
  return linkMs === undefined ? {} : { linkMs };
};

/** The file must be there when the request comes. */
const existing = ({ key }: { readonly key: string }) => [
  { source: { blobKey: key }, path: ['key'] },
];

const GetBlobRequest = z
  .object({ $type: type('blobGet'), key: BlobKey, duration, ...commonFields })
  .openapi('GetBlobRequest');

const UploadBlobRequest = z
  .object({
    $type: type('blobUpload'),
    key: BlobKey.nullish().openapi({
      description: 'Name of the file to be, of this tenant alone; absent: a new key',
    }),
    replace: z.boolean().nullish().openapi({ description: 'An existing file may be replaced' }),
    duration,
    ...commonFields,
  })
  .openapi('UploadBlobRequest');

const keyRequest = (name: string, example: string) =>
  z.object({ $type: type(example), key: BlobKey, ...commonFields }).openapi(name);

export const blobGet = defineTask('blobGet', GetBlobRequest, {
  aliases: ['getblob'],
  scope: 'blobs:read',
  media: existing,
  fields: ({ key, duration }) => ({ key, ...(duration ? { duration } : {}) }),
  task: ({ key, duration }) => ({ operation: 'blobGet', key, ...linkOf(duration) }),
});

export const blobUpload = defineTask('blobUpload', UploadBlobRequest, {
  aliases: ['uploadblob'],
  scope: 'blobs:write',
  fields: ({ key, replace, duration }) => ({
    key: key ?? null,
    replace: replace ?? false,
    ...(duration ? { duration } : {}),
  }),
  task: ({ key, replace, duration }) => ({
    operation: 'blobUpload',
    ...(typeof key === 'string' ? { key } : {}),
    replace: replace ?? false,
    ...linkOf(duration),
  }),
});

const keyTask = (
  operation: 'blobPin' | 'blobUnpin' | 'blobDelete',
  schema: string,
  alias: string,
) =>
  defineTask(operation, keyRequest(schema, operation), {
    aliases: [alias],
    scope: 'blobs:write',
    media: existing,
    fields: ({ key }) => ({ key }),
    task: ({ key }) => ({ operation, key }),
  });

export const blobPin = keyTask('blobPin', 'PinBlobRequest', 'pinblob');
export const blobUnpin = keyTask('blobUnpin', 'UnpinBlobRequest', 'unpinblob');
export const blobDelete = keyTask('blobDelete', 'DeleteBlobRequest', 'deleteblob');
