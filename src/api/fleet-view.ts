import type { ServerRecord, ServerStore } from '../db/servers.ts';

/** Lists of the servers that answer now; empty when none does or none is known. */
export type FleetView = () => Promise<readonly ServerRecord[]>;

const KEPT_MS = 2_000;

/** Reachable servers, read at most every 2 seconds; requests at the same time share one read. */
export function createFleetView(servers: ServerStore, now: () => Date): FleetView {
  let kept: { readonly at: number; readonly list: Promise<readonly ServerRecord[]> } | undefined;
  const read = async (): Promise<readonly ServerRecord[]> => {
    const list = await servers.listServers();
    return list.filter((server) => server.reachable);
  };
  return () => {
    const at = now().getTime();
    if (kept && at - kept.at < KEPT_MS) return kept.list;
    const list = read();
    kept = { at, list };
    // A failed read is not kept.
    list.catch(() => {
      if (kept?.list === list) kept = undefined;
    });
    return list;
  };
}
