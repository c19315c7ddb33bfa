import { createHash } from 'node:crypto';
import { shown } from '../contract/field-errors.ts';
import type { Idempotency, StoredAnswer } from '../db/idempotency-keys.ts';
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
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** Says that nothing was done: the answer is the one that the first request with the key was given. */
export const REPLAYED_HEADER = 'Idempotent-Replayed';

interface Slot {
  readonly blobKey?: unknown;
  blobUrl?: string;
  blobUrlExpirationDate?: string;
}

/**
 * A stored answer as it is sent again: byte for byte, except that links which have ended are signed anew, because an
 * answer with dead links would be another answer.
 */
export function replayedBody(
  { body }: StoredAnswer,
  now: Date,
  sign: (blobKey: string) => Required<Pick<Slot, 'blobUrl' | 'blobUrlExpirationDate'>>,
): string {
  let changed = false;
  const answer = JSON.parse(body, (_name, value: unknown) => {
    const slot = value as Slot | null;
    if (typeof slot?.blobUrl !== 'string' || typeof slot.blobKey !== 'string') return value;
    if (Date.parse(slot.blobUrlExpirationDate ?? '') > now.getTime()) return value;
    changed = true;
    return Object.assign(slot, sign(slot.blobKey));
  }) as unknown;
  return changed ? JSON.stringify(answer) : body;
}
