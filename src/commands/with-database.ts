import type { Config } from '../config.ts';
import { connectDatabase, type Sql } from '../db/connect.ts';
import { OrchestratorError } from '../errors.ts';

/** Runs a short command on the database and closes it. Throws `configuration` without DATABASE_URL. */
export async function withDatabase<T>(config: Config, run: (sql: Sql) => Promise<T>): Promise<T> {
  if (config.DATABASE_URL === undefined)
    throw new OrchestratorError(
      'configuration',
      'DATABASE_URL is not set. Set it, or take the one that `npm start` prints for its embedded PostgreSQL.',
    );
  const sql = connectDatabase({
    url: config.DATABASE_URL,
    maxConnections: 2,
    applicationName: 'orchestrator-cli',
  });
  try {
    return await run(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
