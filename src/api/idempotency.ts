import { createHash } from 'node:crypto';
import { shown } from '../contract/field-errors.ts';
import type { Idempotency } from '../db/jobs.ts';
import { OrchestratorError } from '../errors.ts';

/** Printable ASCII without commas: two headers arrive joined by one. */
const KEY = /^[\x21-\x2b\x2d-\x7e]{1,255}$/;

/** The request's `Idempotency-Key` with a digest of what was asked. Throws `invalid_request`. */
export function idempotencyOf(header: string | undefined, body: unknown): Idempotency | undefined {
  if (header === undefined) return undefined;
  if (!KEY.test(header))
    throw new OrchestratorError(
      'invalid_request',
      `Idempotency-Key: expected one key of 1 to 255 printable ASCII characters without space and comma; seen ${shown(header)}. A UUID is a good key.`,
      { fields: [{ path: 'Idempotency-Key', message: `not usable; seen ${shown(header)}` }] },
    );
  const bodySha256 = createHash('sha256').update(canonicalJson(body)).digest('hex');
  return { key: header, bodySha256 };
}

/** JSON with sorted keys: the same request in another spelling has the same digest. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
