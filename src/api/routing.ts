/** Chooses the pool of each job when it is accepted. */
import { faultsError } from '../contract/v1/parse-jobs.ts';
import type { FleetServer } from '../domain/fleet.ts';
import type { JobNeeds } from '../domain/job-needs.ts';
import type { ServerFit } from '../ecosystems/server-fit.ts';
import { lacksOfAll, type NeededFile } from './file-check.ts';
import type { FleetView } from '../db/fleet-view.ts';

/** Jobs of one request that need the same. */
export interface JobsToRoute {
  /** Of the job in the body. */
  readonly path: readonly (string | number)[];
  readonly needs: JobNeeds;
  /** The checkpoint first. */
  readonly needed: readonly NeededFile[];
  readonly count: number;
}

export interface RoutingDeps {
  readonly fleet: FleetView;
  readonly fit: ServerFit;
  /** Jobs that wait, by pool. */
  readonly countWaiting: () => Promise<ReadonlyMap<string, number>>;
  /** For jobs that no server is known to be able to run, while none answers. */
  readonly defaultPool: string;
  readonly now: () => Date;
}

/** The pool of every job, by request. Throws `resource_unavailable` for jobs that no server which answers can run. */
export type Routing = (requests: readonly JobsToRoute[]) => Promise<readonly (readonly string[])[]>;

interface Candidate {
  readonly pool: string;
  /** 0: takes jobs now; 1: answers and is being drained; 2: does not answer. */
  readonly rank: number;
  readonly room: number;
}

/** The figures are counted this often; what was accepted here meanwhile is added. */
const COUNTED_MS = 2_000;

/** Among the pools that can run a job, the one with the least waiting for its room, of those that take jobs now first. */
export function createRouting(deps: RoutingDeps): Routing {
  const { fleet, fit, countWaiting, now } = deps;
  let counted: { readonly at: number; readonly waiting: Map<string, number> } | undefined;
  const waitingNow = async (): Promise<Map<string, number>> => {
    const at = now().getTime();
    if (!counted || at - counted.at >= COUNTED_MS)
      counted = { at, waiting: new Map(await countWaiting()) };
    return counted.waiting;
  };

  return async (requests) => {
    const servers = await fleet.current();
    const answers = servers.some(({ reachable }) => reachable);
    const byNeeds = new Map<string, FleetServer[]>();
    const able = requests.map(({ needs }) => {
      const known =
        byNeeds.get(needs.key) ?? servers.filter((server) => fit.lacks(needs, server).length === 0);
      byNeeds.set(needs.key, known);
      return known;
    });
    const faults = requests.flatMap(({ needs, needed, path }, index) =>
      answers && !able[index]?.some(({ reachable }) => reachable)
        ? lacksOfAll({ needs, needed, path }, servers, fit)
        : [],
    );
    if (faults.length > 0)
      throw faultsError(faults.map((one) => ({ ...one, code: 'resource_unavailable' as const })));
    const choices = able.map(bestPools);
    const waiting = choices.some((pools) => pools.length > 1) ? await waitingNow() : undefined;
    return requests.map(({ count }, index) =>
      Array.from({ length: count }, () => {
        const pool = leastBusy(choices[index] ?? [], waiting) ?? deps.defaultPool;
        waiting?.set(pool, (waiting.get(pool) ?? 0) + 1);
        return pool;
      }),
    );
  };
}

/** Pools of the best rank that some of these servers have. */
function bestPools(servers: readonly FleetServer[]): Candidate[] {
  const rankOf = ({ reachable, draining }: FleetServer): number =>
    reachable ? (draining ? 1 : 0) : 2;
  const rank = Math.min(...servers.map(rankOf));
  const best = servers.filter((server) => rankOf(server) === rank);
  return [...new Set(best.map(({ pool }) => pool))].map((pool) => ({
    ...{ pool, rank },
    room: best.reduce((sum, server) => sum + (server.pool === pool ? server.room : 0), 0),
  }));
}

const leastBusy = (
  pools: readonly Candidate[],
  waiting: ReadonlyMap<string, number> | undefined,
): string | undefined => {
  const load = ({ pool, room }: Candidate): number => (waiting?.get(pool) ?? 0) / Math.max(1, room);
  return [...pools].sort((a, b) => load(a) - load(b) || (a.pool < b.pool ? -1 : 1))[0]?.pool;
};
