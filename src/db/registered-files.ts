import type { Sql } from './connect.ts';

/** Where the catalogue says that a model file is. */
export interface RegisteredFile {
  /** Canonical AIR. */
  readonly air: string;
  /** Name as the servers list it, when the entry has one. */
  readonly fileName: string | null;
}

/** Files of all tenants' resources, each once, in the order they were registered. */
export async function listRegisteredFiles(sql: Sql): Promise<readonly RegisteredFile[]> {
  return sql<RegisteredFile[]>`
    select air, file_name from resources group by air, file_name order by min(created_at), air`;
}
