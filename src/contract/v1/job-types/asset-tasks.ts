/** `copyAsset` and `clearAssets`: what other jobs have made. */
import { z } from '@hono/zod-openapi';
import type { CopyDestination } from '../../../domain/task.ts';
import { commonFields } from './common-fields.ts';
import { defineTask } from './define-task.ts';

const jobId = z.guid().openapi({
  description: 'The job whose files these are',
  example: '37d9d863-7928-41c1-bc83-626c00995137',
});

/** `blob:<name>`: a file here, under a name of the tenant's own. */
const BLOB_SCHEME = /^blob:(.{1,200})$/su;

const CopyAssetRequest = z
  .object({
    $type: z.string().openapi({ example: 'copyAsset' }),
    jobId,
    assetName: z.string().min(1).max(200).nullish().openapi({
      description: '`blobKey` or number (from 0) of an output of that job; absent: its only one',
      example: '0',
    }),
    destinationUri: z
      .string()
      .max(2_048)
      .refine((text) => BLOB_SCHEME.test(text) || /^https?:\/\//i.test(text), {
        error: () => 'expected an http or https URL that takes a PUT, or blob:<name>',
      })
      .openapi({
        description: 'Where the bytes are PUT, or `blob:<name>` for a file here',
        example: 'https://bucket.example.org/picture.png?signature=abc',
      }),
    ...commonFields,
  })
  .openapi('CopyAssetRequest');

const ClearAssetRequest = z
  .object({ $type: z.string().openapi({ example: 'clearAssets' }), jobId, ...commonFields })
  .openapi('ClearAssetRequest');

const destinationOf = (uri: string): CopyDestination => {
  const key = BLOB_SCHEME.exec(uri)?.[1];
  return key === undefined ? { url: uri } : { key };
};

const sourceOf = ({ jobId: of }: { readonly jobId: string }) => [
  { jobId: of.toLowerCase(), path: ['jobId'] },
];

export const copyAsset = defineTask('copyAsset', CopyAssetRequest, {
  scope: 'blobs:read',
  sources: sourceOf,
  media({ destinationUri }) {
    const destination = destinationOf(destinationUri);
    return 'url' in destination ? [{ source: destination, path: ['destinationUri'] }] : [];
  },
  fields: ({ jobId: of, assetName, destinationUri }) => ({
    jobId: of,
    assetName: assetName ?? null,
    destinationUri,
  }),
  task: ({ jobId: of, assetName, destinationUri }) => ({
    operation: 'copyAsset',
    ofJob: of.toLowerCase(),
    ...(typeof assetName === 'string' ? { asset: assetName } : {}),
    destination: destinationOf(destinationUri),
  }),
});

export const clearAssets = defineTask('clearAssets', ClearAssetRequest, {
  aliases: ['clearasset'],
  scope: 'blobs:write',
  sources: sourceOf,
  fields: ({ jobId: of }) => ({ jobId: of }),
  task: ({ jobId: of }) => ({ operation: 'clearAssets', ofJob: of.toLowerCase() }),
});
