import type { Sql } from './connect.ts';

export type StoredBytes = ReturnType<typeof createStoredBytes>;

/** What tenants store: the bytes of their files, outputs and uploads alike, until the retention of each ends. */
export function createStoredBytes(sql: Sql) {
  return {
    async sumStored(tenant: string): Promise<number> {
      const [row] = await sql<{ bytes: number }[]>`
        select coalesce(sum(bytes), 0)::bigint as bytes from blobs where tenant = ${tenant} and expires_at > now()`;
      return row?.bytes ?? 0;
    },

    /** When at most `bytes` will be stored by retention alone; undefined when that is so already. */
    async findFreeing(tenant: string, bytes: number): Promise<Date | undefined> {
      const [row] = await sql<{ at: Date | null }[]>`
        select max(expires_at) as at from (
          select expires_at, sum(bytes) over (order by expires_at desc, id) as kept
          from blobs where tenant = ${tenant} and expires_at > now()
        ) files where kept > ${bytes}::bigint`;
      return row?.at ?? undefined;
    },
  };
}
