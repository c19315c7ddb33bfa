import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import { connectDatabase, type Sql } from '../../src/db/connect.ts';
import { TEMPLATE_DATABASE } from './engines.ts';

export interface TestDatabase {
  readonly sql: Sql;
  readonly url: string;
  /** Closes `sql` and drops the database. */
  drop(): Promise<void>;
}

async function asAdmin(run: (sql: Sql) => Promise<unknown>): Promise<void> {
  const sql = connectDatabase({
    url: inject('postgresUrl'),
    maxConnections: 1,
    applicationName: 'test-admin',
  });
  try {
    await run(sql);
  } finally {
    await sql.end();
  }
}

/** A migrated database of its own. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await asAdmin((sql) => sql`create database ${sql(name)} template ${sql(TEMPLATE_DATABASE)}`);
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  const sql = connectDatabase({ url: url.href, maxConnections: 5, applicationName: 'test' });
  return {
    sql,
    url: url.href,
    async drop() {
      await sql.end();
      await asAdmin((admin) => admin`drop database ${admin(name)} with (force)`);
    },
  };
}
