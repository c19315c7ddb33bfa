import type { Context } from 'hono';
import { bodyTextProblems } from '../../contract/safe-text.ts';
import { shown } from '../../contract/field-errors.ts';
import { OrchestratorError } from '../../errors.ts';
import { jsonErrorOffset } from '../json-position.ts';
import type { ApiEnv } from '../deps.ts';

export const JSON_TYPE = 'application/json';

/**
 * Reads and checks a JSON body. Throws `unsupported_media_type`, `payload_too_large` (also when the length was not
 * announced), `malformed_json`, or `invalid_request` for text that no field may hold.
 */
export async function readJson(
  c: Context<ApiEnv>,
  maxBytes: number,
  mediaTypes: readonly string[] = [JSON_TYPE],
): Promise<unknown> {
  requireMediaType(c.req.header('content-type'), mediaTypes);
  requirePlain(c.req.header('content-encoding'));
  const text = decode(await readBytes(c.req.raw, maxBytes));
  const body = parse(text);
  const problems = bodyTextProblems(body);
  const [first] = problems;
  if (first)
    throw new OrchestratorError(
      'invalid_request',
      `${first.path || 'The body'} ${first.message}.`,
      {
        fields: problems,
      },
    );
  return body;
}

function requireMediaType(header: string | undefined, accepted: readonly string[]): void {
  const [type = '', ...parameters] = (header ?? '').toLowerCase().split(';');
  const charset = parameters
    .map((parameter) => /^\s*charset="?([^"\s]+)"?\s*$/.exec(parameter)?.[1])
    .find((value) => value !== undefined);
  const isUtf8 = charset === undefined || charset === 'utf-8' || charset === 'utf8';
  if (accepted.includes(type.trim()) && isUtf8) return;
  throw new OrchestratorError(
    'unsupported_media_type',
    `The Content-Type is ${header === undefined ? 'missing' : shown(header)}. Send ${accepted.join(' or ')} in UTF-8.`,
  );
}

function requirePlain(encoding: string | undefined): void {
  if (encoding === undefined || encoding.trim().toLowerCase() === 'identity') return;
  throw new OrchestratorError(
    'unsupported_media_type',
    `The body is encoded (Content-Encoding: ${shown(encoding)}). Send it uncompressed.`,
  );
}

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const reader = request.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
  if (!reader) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks, size);
    size += value.byteLength;
    if (size > maxBytes) {
      await reader.cancel();
      throw tooLarge(maxBytes);
    }
    chunks.push(value);
  }
}

const tooLarge = (maxBytes: number): OrchestratorError =>
  new OrchestratorError(
    'payload_too_large',
    `The body is larger than ${maxBytes} bytes. Send less, or let the operator raise MAX_BODY_BYTES.`,
  );

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new OrchestratorError('malformed_json', 'The body is not UTF-8. Encode it as UTF-8.');
  }
}

function parse(text: string): unknown {
  if (text.trim() === '')
    throw new OrchestratorError('malformed_json', 'The body is empty. Send a JSON object.');
  try {
    return JSON.parse(text);
  } catch {
    throw new OrchestratorError('malformed_json', `The body is no JSON: ${place(text)}.`);
  }
}

function place(text: string): string {
  const offset = jsonErrorOffset(text);
  const before = text.slice(0, offset).split('\n');
  const where = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1} (position ${offset})`;
  return offset >= text.length
    ? `it ends too early, at ${where}`
    : `unexpected ${shown(text.slice(offset, offset + 10))} at ${where}`;
}
