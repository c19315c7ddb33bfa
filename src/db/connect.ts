import postgres from 'postgres';
import { OrchestratorError } from '../errors.ts';

/** A pool or a transaction of it: stores take either, so verbs compose. */
export type Sql = postgres.Sql;

export interface DatabaseOptions {
  readonly url: string;
  readonly maxConnections: number;
  readonly applicationName: string;
}

/** Opens a lazy pool; columns arrive in camelCase. Nothing is sent until the first query. */
export function connectDatabase(options: DatabaseOptions): Sql {
  return postgres(options.url, {
    max: options.maxConnections,
    connect_timeout: 5,
    // Seconds between attempts. The driver's own grow to 20, and every request would wait them out before its 503.
    backoff: () => 0.25,
    idle_timeout: 60,
    connection: { application_name: options.applicationName },
    transform: { column: { from: postgres.toCamel, to: postgres.fromCamel } },
    onnotice: () => undefined,
    types: { bigint: { to: 20, from: [20], serialize: String, parse: Number } },
  });
}

/** SQLSTATE classes and socket errors that mean "no database right now". */
const UNAVAILABLE =
  /^(08|53|57P|CONNECT|CONNECTION_|ECONN|ENOTFOUND|EPIPE|ETIMEDOUT|EAI_AGAIN|ENOENT|EHOSTUNREACH)/;

/** True when an error means that the database cannot be reached or is shutting down. */
export function isDatabaseUnavailable(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && UNAVAILABLE.test(code);
}

/** Translates "no database" into the family's `unavailable` (503 with Retry-After); passes everything else on. */
export function databaseError(error: unknown): unknown {
  if (!isDatabaseUnavailable(error)) return error;
  return new OrchestratorError(
    'unavailable',
    'The database cannot be reached. Nothing is half done: send the same request again in a few seconds, with an Idempotency-Key if it must not count twice.',
    { retryable: true, retryAfterSeconds: 5, cause: error },
  );
}
