/** The `token` of a collection: base64 of `{"Jobs":[…]}`, or of `{"Batch":"…"}` for many jobs. */
import { z } from 'zod';
import type { JobSelector } from '../../client/verbs.ts';
import { OrchestratorError } from '../../errors.ts';
import { shown } from '../field-errors.ts';

/** More ids than this make a URL that Node's HTTP parser refuses (measured: 431 at 320 ids). */
const MAX_LISTED_IDS = 100;
const MAX_TOKEN_LENGTH = 16_384;
const SHOWN_LENGTH = 20;

const Content = z.union([
  z.object({ Jobs: z.array(z.guid()).min(1).max(1000) }),
  z.object({ Batch: z.guid() }),
]);

/** Token that names the jobs of a batch. */
export const encodeToken = (batchId: string, ids: readonly string[]): string =>
  tokenOf(ids.length > MAX_LISTED_IDS ? { batchId } : { ids });

/** The token of a selection, in the spelling that answers carry. */
export const tokenOf = (selector: JobSelector): string =>
  Buffer.from(
    JSON.stringify('ids' in selector ? { Jobs: selector.ids } : { Batch: selector.batchId }),
  ).toString('base64');

/**
 * Reads a token padded or not, base64 or base64url, also when it is still URL-encoded or its `+` arrived as a space.
 * Throws `invalid_token`.
 */
export function decodeToken(text: string): JobSelector {
  const token = (/%[0-9a-f]{2}/i.test(text) ? unescapeOnce(text) : text)
    .trim()
    .replaceAll(' ', '+');
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(token) || token.length > MAX_TOKEN_LENGTH)
    throw invalidToken(text, 'is no base64');
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(token, 'base64').toString('utf8'));
  } catch {
    throw invalidToken(text, 'does not hold a list of jobs');
  }
  const content = Content.safeParse(json);
  if (!content.success) throw invalidToken(text, 'does not hold a list of jobs');
  if ('Batch' in content.data) return { batchId: content.data.Batch.toLowerCase() };
  return { ids: [...new Set(content.data.Jobs.map((id) => id.toLowerCase()))] };
}

function unescapeOnce(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Shows only how the token begins: the whole gives its owner's jobs away to whoever reads over a shoulder. */
function invalidToken(text: string, why: string): OrchestratorError {
  const seen = shown(text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text);
  return new OrchestratorError(
    'invalid_token',
    `The token ${seen} ${why}. Send the 'token' of the answer to your POST /v1/consumer/jobs unchanged.`,
    { fields: [{ path: 'token', message: `${why}; seen ${seen}` }] },
  );
}
