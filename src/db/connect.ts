import { setImmediate } from 'node:timers/promises';
import postgres from 'postgres';
import { OrchestratorError } from '../errors.ts';
import { arrayTypes } from './array-types.ts';

/** A pool or a transaction of it: stores take either, so verbs compose. */
export type Sql = postgres.Sql;

export interface DatabaseOptions {
  readonly url: string;
  readonly maxConnections: number;
  readonly applicationName: string;
}

/** Opens a lazy pool; columns arrive in camelCase. Nothing is sent until the first query. */
export function connectDatabase(options: DatabaseOptions): Sql {
  const sql = postgres(options.url, {
    max: options.maxConnections,
    connect_timeout: 5,
    // Seconds between attempts. The driver's own grow to 20, and every request would wait them out before its 503.
    backoff: () => 0.25,
    idle_timeout: 60,
    connection: { application_name: options.applicationName },
    transform: { column: { from: postgres.toCamel, to: postgres.fromCamel } },
    onnotice: () => undefined,
    fetch_types: false,
    types: { bigint: { to: 20, from: [20], serialize: String, parse: Number }, ...arrayTypes },
  });
  return new Proxy(sql, {
    get: (target, name): unknown =>
      name === 'begin' ? guardedBegin(target) : Reflect.get(target, name),
  }) as Sql;
}

/**
 * A transaction that loses its connection asks nothing more of it, also no rollback: the driver would write to a socket
 * that is gone, and in a callback of its own, which ends the process (https://github.com/porsager/postgres/issues/1208),
 * or leave bytes behind that spoil the next connection.
 */
const guardedBegin =
  (sql: postgres.Sql) =>
  <T>(run: (tx: postgres.TransactionSql) => T | Promise<T>): Promise<unknown> => {
    let lost: { readonly error: unknown } | undefined;
    const guard = (tx: postgres.TransactionSql): postgres.TransactionSql =>
      new Proxy(tx, {
        apply: (target, self, args): unknown => {
          if (lost) throw lost.error;
          return Reflect.apply(target, self, args);
        },
      });
    const done = sql.begin(async (tx) => {
      try {
        const value = await run(guard(tx));
        return lost ? await never() : value;
      } catch (error) {
        // A query in flight fails a moment before the connection counts as lost.
        await setImmediate();
        if (lost) await never();
        throw error;
      }
    });
    // Rejects when the connection is lost, whatever `run` waits for.
    done.catch((error: unknown) => {
      lost = { error };
    });
    return done;
  };

/** Without an end there is neither commit nor rollback. */
const never = (): Promise<never> => new Promise(() => undefined);

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
