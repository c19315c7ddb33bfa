import type { FleetServer, ServerLists } from '../domain/fleet.ts';
import type { Sql } from './connect.ts';
import { isLive } from './servers.ts';

type Row = Omit<FleetServer, 'lists'> & { readonly version: string };

interface ListsRow {
  readonly id: string;
  readonly version: string;
  readonly files: ServerLists['files'];
  readonly nodeClasses: readonly string[];
}

export type FleetReader = ReturnType<typeof createFleetReader>;

/** The fleet with its lists; those are read from the database only when they have changed. */
export function createFleetReader(sql: Sql) {
  const known = new Map<string, { readonly version: string; readonly lists: ServerLists }>();
  const version = sql`coalesce(lists_hash, md5(files::text || node_classes::text)) as version`;

  return {
    async readFleet(): Promise<FleetServer[]> {
      const rows = await sql<Row[]>`
        select id, pool, room, ${isLive(sql)} as reachable, draining_at is not null as draining,
          serves -> 'ecosystems' as ecosystems, vram_bytes::float8 as vram_bytes, ${version}
        from servers order by id`;
      const changed = rows.filter((row) => known.get(row.id)?.version !== row.version);
      if (changed.length > 0) {
        const lists = await sql<ListsRow[]>`
          select id, files, node_classes, ${version} from servers
          where id = any(${changed.map(({ id }) => id)})`;
        for (const { id, files, nodeClasses, version: of } of lists)
          known.set(id, { version: of, lists: { files, nodeClasses: new Set(nodeClasses) } });
      }
      const ids = new Set(rows.map(({ id }) => id));
      for (const id of known.keys()) if (!ids.has(id)) known.delete(id);
      return rows.flatMap(({ version: _version, ...row }) => {
        const lists = known.get(row.id)?.lists;
        return lists ? [{ ...row, lists }] : [];
      });
    },

    /** Jobs that wait for a server, by pool. */
    async countWaiting(): Promise<Map<string, number>> {
      const rows = await sql<{ pool: string; waiting: number }[]>`
        select pool, count(*)::int as waiting from jobs
        where state = 'queued' and not awaits_jobs group by pool`;
      return new Map(rows.map(({ pool, waiting }) => [pool, waiting]));
    },
  };
}
