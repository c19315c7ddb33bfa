import { createHmac } from 'node:crypto';

/** What a receiver verifies; names and forms of https://www.standardwebhooks.com (specification 1.0.0). */
export interface SignedHeaders {
  readonly 'webhook-id': string;
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

const PREFIX = 'whsec_';

/**
 * A tenant's secret, derived from the installation's key and a random salt: rows hold the salt only, so that a copy of
 * the database signs nothing as long as the key is not in it. 256 bits, in the form that verifiers take.
 */
export const deriveSecret = (key: string, tenant: string, salt: string): string =>
  PREFIX + createHmac('sha256', key).update(`callback-secret\n${tenant}\n${salt}`).digest('base64');

/** Headers for `body` as it is sent at `at`; one signature for each secret, so that one can be replaced at leisure. */
export function signWebhook(
  secrets: readonly string[],
  { id, at, body }: { readonly id: string; readonly at: Date; readonly body: string },
): SignedHeaders {
  const timestamp = String(Math.floor(at.getTime() / 1_000));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}
