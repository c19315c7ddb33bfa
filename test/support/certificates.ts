/** Certificates that a test makes for itself: nothing of them is kept. */
import { generate } from 'selfsigned';

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

const named = (value: string) => [{ name: 'commonName', value }];
const DAY_MS = 86_400_000;

/** An authority of its own. */
export async function createAuthority(): Promise<Certificate> {
  const { cert, private: key } = await generate(named('authority of a test'), {
    ...{ keyType: 'ec', algorithm: 'sha256' },
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  });
  return { cert, key };
}

/** A server's certificate for `host`, signed by `ca`, or by itself without one, that ends after `days`. */
export async function createCertificate(
  host: string,
  ca?: Certificate,
  days = 1,
): Promise<Certificate> {
  const { cert, private: key } = await generate(named(host), {
    ...{ keyType: 'ec', algorithm: 'sha256', ...(ca ? { ca } : {}) },
    notBeforeDate: new Date(Date.now() - 10 * DAY_MS),
    notAfterDate: new Date(Date.now() + days * DAY_MS),
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: host }] }],
  });
  return { cert, key };
}
