import type { Sql } from './connect.ts';
import { isLive } from './servers.ts';

/** A server of a pool with the room that is left on it. */
export interface ServerRoom {
  readonly id: string;
  readonly pool: string;
  /** None while a prompt is on the server that must be withdrawn first. */
  readonly room: number;
  readonly used: number;
  /** It answers and takes jobs: it is not being drained. */
  readonly reachable: boolean;
  readonly draining: boolean;
  /** AIR of the model of the latest grant since its process began. */
  readonly warmModel: string | null;
}

/** Results of one server that may be on their way into the blob store beside its room; a slow store ends the granting. */
export const STORED_BESIDE = 4;

/** SQL condition on a lease `l` that was just deleted: its server has more room without it. */
export const gaveRoomBack = (sql: Sql) => sql`
  (l.drawn_at is null or ${STORED_BESIDE} < (
    select count(*) from leases o where o.server_id = l.server_id and o.drawn_at is not null))`;

/** SQL for a from clause after servers `s`: what leases take of each, as `held`, `used` (of its room) and `stale` (prompts to be withdrawn first). */
export const takenOfServer = (sql: Sql) =>
  sql`cross join lateral server_leases(s.id, ${STORED_BESIDE}) taken`;

/** SQL: a select of `ServerRoom`s, of a pool and others by id. Planned once, however many others there are. */
export const readRoom = (sql: Sql, pool: string, others: readonly string[] = []) => sql`
  select s.id, s.pool, case when taken.stale > 0 then 0 else s.room end as room,
    ${isLive(sql)} as reachable, s.draining_at is not null as draining, taken.used,
    case when s.warm_boot_id is not distinct from s.boot_id then s.warm_model end as "warmModel"
  from servers s ${takenOfServer(sql)}
  where s.pool = ${pool} or s.id in (select unnest(${others as string[]}::text[]))`;
