/** `PUT /v2/consumer/blobs/uploads/{jobId}`: the file of a `blobUpload`; its link is the permission. */
import { z } from '@hono/zod-openapi';
import { OrchestratorError } from '../errors.ts';
import { uploadStorageKey } from '../storage/upload-keys.ts';
import { UPLOAD_PATH, uploadSubject } from './blob-links.ts';
import type { ApiDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { JobParams } from './job-params.ts';
import { receiveUpload } from './receive-upload.ts';
import { createStorageGuard } from './storage-guard.ts';

const Uploaded = z.object({
  blobKey: z.string(),
  available: z.literal(true),
  bytes: z.int(),
  sha256: z.string(),
});

const PLAIN_TYPE = /^[a-z]+\/[a-z0-9][a-z0-9.+-]{0,100}$/;
const UNKNOWN_TYPE = 'application/octet-stream';

/** As the sender says; what uses the file as an input looks at its bytes. */
const contentTypeOf = (header: string | undefined): string => {
  const type = (header ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  return PLAIN_TYPE.test(type) ? type : UNKNOWN_TYPE;
};

/** Endpoint of uploads. */
export function uploadEndpoint(deps: ApiDeps): Endpoint {
  const { signer, uploads, storage, config } = deps;
  const requireSpace = createStorageGuard(storage, config.MIN_FREE_BYTES, deps.now);

  const requireUpload = async (jobId: string, sig: string, exp: string) => {
    const verdict = signer.verify(uploadSubject(jobId), sig, exp);
    if (verdict !== 'valid')
      throw new OrchestratorError(
        'forbidden',
        `${verdict === 'expired' ? `This link ended at ${exp}.` : 'The signature of this link is wrong.'} Submit another blobUpload job.`,
      );
    const upload = await uploads.findUpload(jobId);
    const [blob] = upload?.result.blobs ?? [];
    if (upload && blob) return { ...upload, blob };
    throw new OrchestratorError('not_found', `There is no upload of job ${jobId} any more.`);
  };

  return endpoint({
    method: 'put',
    path: `${UPLOAD_PATH}/{jobId}`,
    access: 'signature',
    tag: 'Blobs (v2)',
    summary: 'Upload a file',
    description:
      'With the `blobUploadUrl` of a `blobUpload` job. The body is the file as it is; it is stored as a whole or not at all. The same link takes it again until it ends.',
    params: JobParams,
    query: z.object({
      sig: z.string().default('').openapi({ description: 'Signature' }),
      exp: z.string().default('').openapi({ description: 'End of the link, ISO 8601' }),
    }),
    responses: { 201: { description: 'Stored durably', schema: Uploaded } },
    errors: [400, 403, 404, 409, 413, 503, 507],
    async handle(c, { params, query }) {
      const jobId = params.jobId.toLowerCase();
      const { tenant, task, blob } = await requireUpload(jobId, query.sig, query.exp);
      await requireSpace();
      await deps.requireStorage(tenant, Number(c.req.header('content-length') ?? 0));
      const storageKey = uploadStorageKey(deps.newId());
      const { bytes, sha256 } = await receiveUpload(c.req.raw, storage, {
        key: storageKey,
        maxBytes: config.MAX_OUTPUT_BYTES,
        beforeStored: async () => undefined,
      });
      const file = {
        ...{ id: blob.id, tenant, jobId, storageKey, bytes, sha256, replace: task.replace },
        contentType: contentTypeOf(c.req.header('content-type')),
        retentionDays: config.BLOB_RETENTION_DAYS,
      };
      const limit = (await deps.tenantLimits())(tenant).maxStoredBytes;
      const replaced = await uploads.keepFile(file, limit).catch(async (error: unknown) => {
        await storage.delete(storageKey);
        throw error;
      });
      // Bytes that no row refers to any more; those that a crash leaves here go with the collector.
      for (const key of replaced ?? [storageKey]) await storage.delete(key);
      if (replaced)
        return c.json({ blobKey: blob.key, available: true as const, bytes, sha256 }, 201);
      throw new OrchestratorError(
        'conflict',
        `There is a blob ${JSON.stringify(blob.key)} by now. Submit a blobUpload with "replace": true, or with another key.`,
      );
    },
  });
}
