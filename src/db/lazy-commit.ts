import type { Sql } from './connect.ts';

/**
 * SQL for a `with` clause: `commit`, which the statement must read from. Its commit then does not wait for the disk, so a
 * crash of the database may lose what it wrote, though never a part of it.
 */
export const lazyCommit = (sql: Sql) =>
  sql`commit as materialized (select set_config('synchronous_commit', 'off', true))`;
