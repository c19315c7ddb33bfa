/** Cursors that clients send back. */
import type { z } from '@hono/zod-openapi';
import { createHash } from 'node:crypto';
import { shown } from '../contract/field-errors.ts';
import { OrchestratorError } from '../errors.ts';
import type { CursorSigner } from '../storage/cursor-signer.ts';
import { canonicalJson } from './idempotency.ts';

/** A short name of a value, the same for every spelling of it. */
export const digestOf = (value: unknown): string =>
  createHash('sha256').update(canonicalJson(value)).digest('base64url').slice(0, 22);

/** The place a cursor names; undefined without one. Throws `invalid_request` for one that was not given out for this list. */
export function requireCursor<S extends z.ZodType, P>(
  signer: CursorSigner,
  purpose: string,
  cursor: string | null | undefined,
  schema: S,
  placeOf: (values: z.infer<S>) => P,
): P | undefined {
  if (cursor === null || cursor === undefined || cursor === '') return undefined;
  const parsed = schema.safeParse(signer.read(purpose, cursor));
  if (parsed.success) return placeOf(parsed.data);
  const message = `was not given out for this call with these filters; seen ${shown(cursor)}`;
  throw new OrchestratorError(
    'invalid_request',
    `cursor: ${message}. Send the cursor of the page before unchanged, or none for the first page.`,
    { fields: [{ path: 'cursor', message }] },
  );
}
