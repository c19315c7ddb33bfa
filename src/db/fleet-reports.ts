import type { FleetReporter } from '../ports.ts';
import type { Sql } from './connect.ts';
import { createLeaseStore } from './leases.ts';

/** Keeps reports of servers in the database. What a report leaves out (an unreachable server lists no files) stays. */
export function createFleetReports(sql: Sql): FleetReporter {
  return {
    async report(report) {
      await sql`
        insert into servers (id, pool, room, reachable, error, version, device, vram_bytes, boot_id, files, node_classes)
        values (${report.serverId}, ${report.pool}, ${report.room}, ${report.reachable}, ${report.error ?? null},
          ${report.version ?? null}, ${report.device ?? null}, ${report.vramBytes ?? null}, ${report.bootId ?? null},
          ${sql.json(report.files ?? {})}, ${sql.json(report.nodeClasses ?? [])})
        on conflict (id) do update set pool = excluded.pool, room = excluded.room, reachable = excluded.reachable,
          error = excluded.error, reported_at = now(),
          version = coalesce(excluded.version, servers.version),
          device = coalesce(excluded.device, servers.device),
          vram_bytes = coalesce(excluded.vram_bytes, servers.vram_bytes),
          boot_id = coalesce(excluded.boot_id, servers.boot_id),
          files = case when ${report.files !== undefined} then excluded.files else servers.files end,
          node_classes = case when ${report.nodeClasses !== undefined} then excluded.node_classes else servers.node_classes end,
          changed_at = case when servers.reachable = excluded.reachable then servers.changed_at else now() end`;
    },

    reportDrawn: ({ serverId, promptId }) => createLeaseStore(sql).markDrawn(serverId, promptId),
  };
}
