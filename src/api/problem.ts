/** Errors to RFC 7807 answers. One of the three places where error codes are translated. */
import { STATUS_CODES } from 'node:http';
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Problem } from '../contract/problem.ts';
import { databaseError } from '../db/connect.ts';
import { isOrchestratorError, OrchestratorError, type ErrorCode } from '../errors.ts';
import type { Logger } from '../ports.ts';
import type { ApiEnv } from './deps.ts';

const DEFAULT_RETRY_SECONDS = 5;

/** Status for a client that hung up before its answer; nobody reads it but the log (nginx's number). */
const CLIENT_GONE = 499;

/** Answers a thrown error. What is not of our family gets a fixed sentence; its message goes to the log only. */
export function answerError(
  c: Context<ApiEnv>,
  thrown: unknown,
  logger: Logger,
  newId: () => string,
): Response {
  if (c.req.raw.signal.aborted) return new Response(null, { status: CLIENT_GONE });
  const error = databaseError(thrown);
  if (isOrchestratorError(error) && error.code !== 'internal') {
    if (error.status >= 500)
      logger.warn(
        { traceId: c.get('traceId'), code: error.code, cause: error.cause },
        error.message,
      );
    return problem(c, error);
  }
  const id = newId();
  logger.error({ traceId: c.get('traceId'), errorId: id, error }, 'request failed');
  return problem(
    c,
    new OrchestratorError(
      'internal',
      `Something went wrong on our side. Quote ${id} when you report it; the log has the details.`,
    ),
  );
}

function problem(c: Context<ApiEnv>, error: OrchestratorError): Response {
  const status = error.status;
  const body = problemBody({
    status,
    code: error.code,
    detail: error.message,
    instance: new URL(c.req.url).pathname,
    traceId: c.get('traceId'),
    ...(error.fields.length > 0 ? { errors: byField(error.fields) } : {}),
    ...error.counts,
    ...error.quota,
  });
  c.header('content-type', 'application/problem+json');
  if (status === 503 || status === 429)
    c.header('retry-after', String(error.retryAfterSeconds ?? DEFAULT_RETRY_SECONDS));
  if (status === 401) c.header('www-authenticate', 'Bearer realm="orchestrator"');
  // Through the context: it adds what the thrower set beside, such as Allow.
  return c.body(JSON.stringify(body), status as ContentfulStatusCode);
}

/** A problem with the title that belongs to its status. */
export const problemBody = (
  facts: Omit<Problem, 'type' | 'title' | 'code'> & { readonly code: ErrorCode },
): Problem => ({ type: 'about:blank', title: STATUS_CODES[facts.status] ?? 'Error', ...facts });

function byField(
  fields: readonly { readonly path: string; readonly message: string }[],
): Record<string, string[]> {
  const errors = new Map<string, string[]>();
  for (const { path, message } of fields) errors.set(path, [...(errors.get(path) ?? []), message]);
  return Object.fromEntries(errors);
}
