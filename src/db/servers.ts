import type { Sql } from './connect.ts';

/** What a gpu worker last said of its server. */
export interface ServerRecord {
  readonly id: string;
  readonly pool: string;
  readonly room: number;
  readonly reachable: boolean;
  readonly error: string | null;
  readonly version: string | null;
  readonly device: string | null;
  /** Model folder → names as the server lists them. */
  readonly files: Readonly<Record<string, readonly string[]>>;
  readonly reportedAt: Date;
}

/** SQL condition: somebody said lately how the server is. */
export const isReported = (sql: Sql) =>
  sql`(reported_at > now() - gone_after_seconds * interval '1 second')`;

/** SQL condition: the server answered, and somebody said so lately. */
export const isLive = (sql: Sql) => sql`(reachable and ${isReported(sql)})`;

export type ServerStore = ReturnType<typeof createServerStore>;

/** The fleet as the database knows it. */
export function createServerStore(sql: Sql) {
  return {
    async listServers(): Promise<ServerRecord[]> {
      return sql<ServerRecord[]>`
        select id, pool, room, ${isLive(sql)} as reachable, error, version, device, files, reported_at from servers order by id`;
    },
  };
}
