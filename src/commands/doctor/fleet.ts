/** The fleet as its database knows it: what every server does, also those that other machines serve. */
import type { Config } from '../../config.ts';
import { connectDatabase } from '../../db/connect.ts';
import { createFleetOperations, type OperatedServer } from '../../db/fleet-operations.ts';
import { serverState } from '../../domain/server-state.ts';
import type { Finding } from './finding.ts';

/** A line per server; nothing while there is no database, or none with a fleet. */
export async function checkFleet({
  DATABASE_URL: url,
}: Pick<Config, 'DATABASE_URL'>): Promise<readonly Finding[]> {
  if (url === undefined) return [];
  const sql = connectDatabase({ url, maxConnections: 1, applicationName: 'doctor' });
  try {
    return (await createFleetOperations(sql).listFleet()).map(findingOf);
  } catch {
    // The database has a check of its own, and a new one has no fleet yet.
    return [];
  } finally {
    await sql.end({ timeout: 1 });
  }
}

const TODO = {
  down: 'Start it, or look at the error: it comes back by itself once it answers.',
  gone: 'Start the worker that stands at it, or forget it: DELETE /v1/servers/<id>.',
} as const;

function findingOf(server: OperatedServer): Finding {
  const state = serverState(server);
  const facts = [
    state,
    `pool ${server.pool}`,
    state === 'down' || state === 'gone'
      ? `since ${(server.downSince ?? server.reportedAt).toISOString()}`
      : `${server.running ?? 0} running, ${server.waiting ?? 0} waiting, room ${server.room}`,
    `${server.jobsPerHour} jobs in the last hour`,
    ...(server.loadedModel === null ? [] : [`loaded ${server.loadedModel}`]),
    ...(server.error === null
      ? server.lastError === null
        ? []
        : [`last error ${server.lastErrorAt?.toISOString() ?? ''}: ${server.lastError}`]
      : [server.error]),
  ];
  const what = `Server ${server.id}`;
  const says = facts.join('; ');
  return state === 'down' || state === 'gone'
    ? { what, well: false, says, todo: TODO[state] }
    : { what, well: true, says };
}
