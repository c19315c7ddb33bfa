import type { Sql } from './connect.ts';
import { isReported } from './servers.ts';

/** A worker process that stands at a server. */
export interface FleetWorker {
  readonly id: string;
  readonly startedAt: string;
  readonly reachable: boolean;
  readonly error: string | null;
  readonly reportedAt: string;
}

/** All that is known of a server, but for its lists. */
export interface OperatedServer {
  readonly id: string;
  readonly pool: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serves: { readonly ecosystems?: readonly string[] };
  readonly room: number;
  readonly reachable: boolean;
  /** Somebody said so lately. */
  readonly isReported: boolean;
  readonly reportedAt: Date;
  readonly changedAt: Date;
  readonly drainingAt: Date | null;
  readonly downSince: Date | null;
  readonly error: string | null;
  readonly lastError: string | null;
  readonly lastErrorAt: Date | null;
  readonly running: number | null;
  readonly waiting: number | null;
  /** AIR of the checkpoint of its latest drawing. */
  readonly loadedModel: string | null;
  /** Jobs that hold a lease on it. */
  readonly leases: number;
  /** Jobs it finished in the last hour. */
  readonly jobsPerHour: number;
  readonly version: string | null;
  readonly device: string | null;
  readonly vramBytes: number | null;
  readonly modelFiles: number;
  readonly nodeClasses: number;
  readonly workers: readonly FleetWorker[];
}

export type Removal = 'removed' | 'unknown' | 'reported' | 'leased';

export type FleetOperations = ReturnType<typeof createFleetOperations>;

/** The fleet for operators: what each server does, and whether it takes work. */
export function createFleetOperations(sql: Sql) {
  const list = (id?: string): Promise<OperatedServer[]> => sql<OperatedServer[]>`
    with done as (
      select server_id, count(*)::int as jobs from jobs
      where finished_at > now() - interval '1 hour' and state = 'succeeded' group by server_id)
    select s.id, s.pool, s.labels, s.serves, s.room, s.reachable, ${isReported(sql)} as is_reported, s.reported_at,
      s.changed_at, s.draining_at, s.down_since, s.error, s.last_error, s.last_error_at, s.running, s.waiting,
      s.loaded_model, s.version, s.device, s.vram_bytes,
      (select count(*)::int from leases l where l.server_id = s.id) as leases,
      coalesce(done.jobs, 0) as jobs_per_hour,
      (select coalesce(sum(jsonb_array_length(value)), 0)::int from jsonb_each(s.files)) as model_files,
      jsonb_array_length(s.node_classes) as node_classes,
      (select coalesce(jsonb_agg(jsonb_build_object('id', w.worker_id, 'startedAt', w.started_at,
          'reachable', w.reachable, 'error', w.error, 'reportedAt', w.reported_at) order by w.started_at), '[]')
        from server_workers w
        where w.server_id = s.id and w.reported_at > now() - s.gone_after_seconds * interval '1 second') as workers
    from servers s left join done on done.server_id = s.id
    ${id === undefined ? sql`` : sql`where s.id = ${id}`} order by s.id`;

  return {
    listFleet: () => list(),

    async findServer(id: string): Promise<OperatedServer | undefined> {
      const [server] = await list(id);
      return server;
    },

    /** Names of all pools that a server is in. */
    async listPools(): Promise<string[]> {
      const rows = await sql<{ pool: string }[]>`select distinct pool from servers order by pool`;
      return rows.map(({ pool }) => pool);
    },

    /** Lasts until it is changed again, whatever is reported or restarted. False for an unknown server. */
    async setDraining(id: string, draining: boolean): Promise<boolean> {
      const rows = draining
        ? await sql`update servers set draining_at = coalesce(draining_at, now()) where id = ${id}`
        : await sql`update servers set draining_at = null where id = ${id}`;
      return rows.count > 0;
    },

    /** Forgets a server that no worker reports and no lease refers to. */
    async removeServer(id: string): Promise<Removal> {
      return sql.begin(async (tx) => {
        const [server] = await tx<{ isReported: boolean; isLeased: boolean }[]>`
          select ${isReported(sql)} as is_reported,
            exists (select from leases l where l.server_id = s.id) as is_leased
          from servers s where s.id = ${id} for update`;
        if (!server) return 'unknown';
        if (server.isReported) return 'reported';
        if (server.isLeased) return 'leased';
        await tx`delete from servers where id = ${id}`;
        return 'removed';
      });
    },

    /** Servers of which nobody has reported for so long; those that a lease refers to stay. Returns how many went. */
    async forgetServers(afterHours: number): Promise<number> {
      await sql`delete from server_workers where reported_at < now() - interval '1 hour'`;
      const rows = await sql`
        delete from servers s where s.reported_at < now() - ${afterHours} * interval '1 hour' and not ${isReported(sql)}
          and not exists (select from leases l where l.server_id = s.id)`;
      return rows.count;
    },
  };
}
