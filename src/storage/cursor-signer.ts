import { createHmac, timingSafeEqual } from 'node:crypto';

/** Turns places in a list into opaque texts that only this installation can make. */
export interface CursorSigner {
  /** `purpose` binds the cursor to one list of one tenant. */
  sign(purpose: string, place: readonly (string | number)[]): string;
  /** The place, or undefined when the cursor was not signed here for this purpose. */
  read(purpose: string, cursor: string): readonly (string | number)[] | undefined;
}

const DIGEST_BYTES = 16;
const MAX_CURSOR_LENGTH = 1_000;

/** Signs with HMAC-SHA256, cut to 128 bits. */
export function createCursorSigner(key: string): CursorSigner {
  const digest = (purpose: string, body: string): Buffer =>
    createHmac('sha256', key)
      .update(JSON.stringify(['cursor', purpose, body]))
      .digest()
      .subarray(0, DIGEST_BYTES);
  return {
    sign(purpose, place) {
      const body = JSON.stringify(place);
      return Buffer.concat([digest(purpose, body), Buffer.from(body)]).toString('base64url');
    },
    read(purpose, cursor) {
      if (cursor.length > MAX_CURSOR_LENGTH || !/^[\w-]+$/.test(cursor)) return undefined;
      const bytes = Buffer.from(cursor, 'base64url');
      // Node reads more spellings than it writes; each cursor has one.
      if (bytes.length <= DIGEST_BYTES || bytes.toString('base64url') !== cursor) return undefined;
      const body = bytes.subarray(DIGEST_BYTES).toString('utf8');
      if (!timingSafeEqual(bytes.subarray(0, DIGEST_BYTES), digest(purpose, body)))
        return undefined;
      return JSON.parse(body) as (string | number)[];
    },
  };
}
