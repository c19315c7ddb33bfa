import { nextDrawAverage, roomFor } from '../domain/room.ts';
import type { FleetAnswer, FleetReport, FleetReporter } from '../ports.ts';
import type { Sql } from './connect.ts';
import { lazyCommit } from './lazy-commit.ts';
import { createLeaseStore } from './leases.ts';
import { isReported } from './servers.ts';

/** What another worker said of a server counts beside one's own for three probes. */
const WORD_SECONDS = 15;
/** A server's average follows only what is clearly different: steady work writes nothing. */
const NOTABLE = 0.05;
/** Below this, drawings are so quick that the room is the same. */
const NOTABLE_MS = 2;

interface Known {
  readonly room: number;
  readonly roomAuto: boolean;
  readonly drawMs: number | null;
  readonly reachable: boolean;
  readonly isFresh: boolean;
  readonly pool: string;
  readonly bootId: string | null;
  readonly listsHash: string | null;
}

/** Others that stand at the server, as they lately said. */
interface Others {
  readonly reach: boolean | null;
  readonly latestStart: Date | null;
}

/**
 * Keeps reports of servers in the database. What a report leaves out (an unreachable server says no version) stays.
 * Workers that stand at one server agree by rule: it answers when one of them reaches it, and the settings of the
 * latest started one count.
 */
export function createFleetReports(
  sql: Sql,
  options: { readonly goneAfterSeconds: number },
): FleetReporter {
  const { goneAfterSeconds } = options;

  const write = async (tx: Sql, report: FleetReport): Promise<FleetAnswer> => {
    const { serverId: id } = report;
    await tx`select pg_advisory_xact_lock(hashtextextended(${`server ${id}`}, 0))`;
    const [known] = await tx<Known[]>`
      select room, room_auto, draw_ms, reachable, pool, boot_id, lists_hash,
        ${isReported(tx)} as is_fresh
      from servers where id = ${id}`;
    // A server that answers and has no lists yet would be one without any file: not before its lists are here.
    if (report.listsHash !== undefined && !report.files && !known?.listsHash)
      return { wantsLists: true, changed: false };
    const [others] = await tx<Others[]>`
      select bool_or(reachable) filter (where reported_at > now() - ${WORD_SECONDS} * interval '1 second') as reach,
        max(started_at) as latest_start
      from server_workers
      where server_id = ${id} and worker_id is distinct from ${report.worker?.id ?? null}
        and reported_at > now() - ${goneAfterSeconds} * interval '1 second'`;
    const reachable = report.reachable || others?.reach === true;
    const error = reachable ? null : (report.error ?? 'it does not answer');
    const room =
      report.room !== 'auto'
        ? report.room
        : known?.roomAuto
          ? known.room
          : roomFor(known?.drawMs ?? null);
    const settings = {
      pool: report.pool,
      room,
      roomAuto: report.room === 'auto',
      labels: tx.json(report.labels ?? {}),
      serves: tx.json(report.serves ?? {}),
    };
    const decides = !known || isLatest(report, others);
    // Columns of what the report says; what it does not say keeps its value.
    const said = {
      ...(decides ? settings : {}),
      reachable,
      error,
      goneAfterSeconds,
      ...defined({
        version: report.version,
        device: report.device,
        vramBytes: report.vramBytes,
        bootId: report.bootId,
        running: report.running,
        waiting: report.waiting,
      }),
      ...(report.files && report.nodeClasses
        ? {
            files: tx.json(report.files),
            nodeClasses: tx.json(report.nodeClasses),
            listsHash: report.listsHash ?? null,
          }
        : {}),
      ...(report.bootId !== undefined && report.bootId !== known?.bootId
        ? { loadedModel: null }
        : {}),
    };
    const changes = known?.reachable !== reachable;
    if (known)
      await tx`
        update servers set ${tx(said as never)}, reported_at = now(),
          changed_at = case when ${changes} then now() else changed_at end,
          down_since = case when ${reachable} then null else coalesce(down_since, now()) end,
          last_error = coalesce(${error}, last_error),
          last_error_at = case when ${error !== null} then now() else last_error_at end
        where id = ${id}`;
    else
      await tx`
        insert into servers ${tx({
          id,
          ...said,
          lastError: error,
          ...(reachable ? {} : { downSince: new Date(), lastErrorAt: new Date() }),
        } as never)}`;
    if (report.worker)
      await tx`
        insert into server_workers (server_id, worker_id, started_at, reachable, error)
        values (${id}, ${report.worker.id}, ${report.worker.startedAt}, ${report.reachable}, ${report.error ?? null})
        on conflict (server_id, worker_id) do update set reachable = excluded.reachable, error = excluded.error,
          reported_at = now()`;
    return {
      wantsLists:
        report.listsHash !== undefined && !report.files && known?.listsHash !== report.listsHash,
      changed:
        !known?.isFresh ||
        changes ||
        report.files !== undefined ||
        (decides && (known.room !== room || known.pool !== report.pool)),
    };
  };

  return {
    report: async (report) => sql.begin((tx) => write(tx as unknown as Sql, report)),

    async reportDrawn({ serverId, promptId, drawMs }) {
      const drawn = await createLeaseStore(sql).markDrawn(serverId, promptId);
      if (!drawn) return;
      const { drawMs: before } = drawn;
      const average = drawMs === undefined ? before : nextDrawAverage(before, drawMs);
      const steady =
        average === before ||
        (before !== null &&
          Math.abs((average ?? 0) - before) < Math.max(NOTABLE_MS, before * NOTABLE));
      if (steady && drawn.loadedModel === drawn.model) return;
      // Grants need this row: its lock does not wait for the disk. The next drawing says again what a crash loses.
      await sql`
        with ${lazyCommit(sql)}
        update servers set draw_ms = ${average}, loaded_model = ${drawn.model},
          room = case when room_auto then ${roomFor(average)} else room end
        from commit where id = ${serverId}`;
    },

    async leave({ serverId, workerId }) {
      await sql.begin(async (tx) => {
        await tx`delete from server_workers where server_id = ${serverId} and worker_id = ${workerId}`;
        await tx`
          update servers set reachable = false, error = null, changed_at = now(),
            reported_at = now() - (gone_after_seconds + 1) * interval '1 second'
          where id = ${serverId} and not exists (
            select from server_workers where server_id = ${serverId}
              and reported_at > now() - ${goneAfterSeconds} * interval '1 second')`;
      });
    },
  };
}

/** Reports without a worker come from programs that knew only one worker per server. */
const isLatest = ({ worker }: FleetReport, others: Others | undefined): boolean =>
  !worker || !others?.latestStart || new Date(worker.startedAt) >= others.latestStart;

const defined = (columns: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined));
