import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { OrchestratorError } from '../errors.ts';
import type { Sql } from './connect.ts';

const FOLDER = new URL('../../migrations/', import.meta.url);
/** Arbitrary constant shared by every process that migrates. */
const LOCK = 727_001;

interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
}

async function readMigrations(folder: URL): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}_.+\.sql$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => ({
      number: Number(name.slice(0, 4)),
      name,
      sql: await readFile(fileURLToPath(new URL(name, folder)), 'utf8'),
    })),
  );
}

/**
 * Applies what is missing, in order, each in its own transaction under one advisory lock; returns the names applied.
 * Throws `configuration` when the database has a migration that this code does not know.
 */
export async function migrate(sql: Sql, folder: URL = FOLDER): Promise<string[]> {
  const migrations = await readMigrations(folder);
  const newest = migrations.at(-1)?.number ?? 0;
  // The driver (postgres 3.4.9) never hands out a reserved connection that it has to open first when it is told to fetch no types.
  await sql`select 1`;
  const connection = await sql.reserve();
  try {
    await connection`select pg_advisory_lock(${LOCK})`;
    await connection`
      create table if not exists migrations (
        number integer primary key, name text not null, applied_at timestamptz not null default now())`;
    const done = await connection<{ number: number; name: string }[]>`
      select number, name from migrations order by number`;
    const unknown = done.find((row) => row.number > newest);
    if (unknown)
      throw new OrchestratorError(
        'configuration',
        `The database is newer than this program: it has migration ${unknown.name}, this program knows up to ${newest}. ` +
          'Start the newer program, or restore a backup taken before the upgrade.',
      );
    const applied = new Set(done.map((row) => row.number));
    const names: string[] = [];
    for (const migration of migrations.filter(({ number }) => !applied.has(number))) {
      await connection`begin`;
      try {
        await connection`insert into migrations (number, name) values (${migration.number}, ${migration.name})`;
        await connection.unsafe(migration.sql);
        await connection`commit`;
      } catch (error) {
        await connection`rollback`;
        throw error;
      }
      names.push(migration.name);
    }
    return names;
  } finally {
    await connection`select pg_advisory_unlock(${LOCK})`.catch(() => undefined);
    connection.release();
  }
}
