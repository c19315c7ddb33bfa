import type { FleetServer } from './fleet.ts';

/**
 * Servers on which a waiting job of this pool may be placed: those of its pool that answer; when none of them can run it
 * now, those of other pools that answer; else whichever could run it by its last lists, for whose return it waits.
 * Empty when no server that is known can run it.
 */
export function serversFor(
  pool: string,
  fleet: readonly FleetServer[],
  canRun: (server: FleetServer) => boolean,
): readonly FleetServer[] {
  const able = fleet.filter(canRun);
  const taking = able.filter(({ reachable, draining }) => reachable && !draining);
  const inPool = taking.filter((server) => server.pool === pool);
  if (inPool.length > 0) return inPool;
  return taking.length > 0 ? taking : able;
}
