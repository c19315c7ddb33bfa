import type { Sql } from './connect.ts';

/** SQL condition: somebody said lately how the server is. */
export const isReported = (sql: Sql) =>
  sql`(reported_at > now() - gone_after_seconds * interval '1 second')`;

/** SQL condition: the server answered, and somebody said so lately. */
export const isLive = (sql: Sql) => sql`(reachable and ${isReported(sql)})`;

/** How many servers there are, and how many of them answer. */
export type CountServers = () => Promise<{ readonly known: number; readonly live: number }>;

/** Counts servers without reading what they serve. */
export const createServerCount =
  (sql: Sql): CountServers =>
  async () => {
    const [row] = await sql<{ known: number; live: number }[]>`
      select count(*)::int as known, count(*) filter (where ${isLive(sql)})::int as live from servers`;
    return row ?? { known: 0, live: 0 };
  };
