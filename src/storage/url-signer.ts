import { createHmac, timingSafeEqual } from 'node:crypto';

/** A blob link's two parameters. */
interface BlobSignature {
  readonly sig: string;
  /** ISO 8601 time at which the link ends. */
  readonly exp: string;
}

export interface UrlSigner {
  /** `until`: a certain end. (Default: after the usual lifetime) */
  sign(blobId: string, until?: Date): BlobSignature;
  verify(blobId: string, sig: string, exp: string): 'valid' | 'expired' | 'wrong';
}

/**
 * Signs blob links with HMAC-SHA256 over id and end. Ends are rounded up by a twenty-fourth of the lifetime, so that
 * reads close to each other give the same link and caches work.
 */
export function createUrlSigner(options: {
  readonly key: string;
  readonly ttlSeconds: number;
  readonly now: () => Date;
}): UrlSigner {
  const stepMs = Math.max(1, Math.floor(options.ttlSeconds / 24)) * 1000;
  const digest = (blobId: string, exp: string): Buffer =>
    createHmac('sha256', options.key).update(`${blobId}\n${exp}`).digest();
  return {
    sign(blobId, until) {
      const end = options.now().getTime() + options.ttlSeconds * 1000;
      const exp = (until ?? new Date(Math.ceil(end / stepMs) * stepMs)).toISOString();
      return { sig: digest(blobId, exp).toString('base64url'), exp };
    },
    verify(blobId, sig, exp) {
      const expected = digest(blobId, exp);
      const seen = Buffer.from(sig, 'base64url');
      if (seen.length !== expected.length || !timingSafeEqual(seen, expected)) return 'wrong';
      return Date.parse(exp) > options.now().getTime() ? 'valid' : 'expired';
    },
  };
}
