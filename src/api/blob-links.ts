import type { Context } from 'hono';
import type { UrlSigner } from '../storage/url-signer.ts';
import type { ApiEnv } from './deps.ts';

export const BLOB_PATH = '/v2/consumer/blobs';

/** Where clients reach this API: PUBLIC_URL, else the address of the request. */
export const publicBase = (c: Context<ApiEnv>, publicUrl: string | undefined): string =>
  (publicUrl ?? new URL(c.req.url).origin).replace(/\/+$/, '');

/** Signed links that start with PUBLIC_URL, else with the address the client itself used. */
export function createBlobLinks(signer: UrlSigner, publicUrl: string | undefined) {
  return (c: Context<ApiEnv>) => {
    const base = publicBase(c, publicUrl);
    return (blobKey: string, until?: Date): { readonly url: string; readonly expiresAt: Date } => {
      const { sig, exp } = signer.sign(blobKey, until);
      const query = new URLSearchParams({ sig, exp }).toString();
      return {
        url: `${base}${BLOB_PATH}/${encodeURIComponent(blobKey)}?${query}`,
        expiresAt: new Date(exp),
      };
    };
  };
}

export const UPLOAD_PATH = `${BLOB_PATH}/uploads`;

/** What the signature of an upload link is made of; no blob has such an id. */
export const uploadSubject = (jobId: string): string => `upload:${jobId}`;

/** Signed links that take the file of a `blobUpload`. */
export function createUploadLinks(signer: UrlSigner, publicUrl: string | undefined) {
  return (c: Context<ApiEnv>) => {
    const base = publicBase(c, publicUrl);
    return (jobId: string, until: Date): string => {
      const { sig, exp } = signer.sign(uploadSubject(jobId), until);
      const query = new URLSearchParams({ sig, exp }).toString();
      return `${base}${UPLOAD_PATH}/${jobId}?${query}`;
    };
  };
}
