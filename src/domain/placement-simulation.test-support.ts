/** A fleet on a clock of its own, to see what placement does over time. */
import {
  overtake,
  type PlaceableServer,
  type Placement,
  type PlacementRules,
  type WaitingClaim,
} from './placement.ts';

export type Policy = (
  claims: readonly WaitingClaim[],
  servers: readonly PlaceableServer[],
  rules: PlacementRules,
) => readonly Placement[];

export interface SimulatedFleet {
  readonly servers: readonly string[];
  readonly room: number;
  /** Models of the backlog, in the order of the queue. */
  readonly backlog: readonly string[];
  readonly window: number;
  readonly drawMs: number;
  readonly loadMs: number;
  readonly affinityWaitMs: number;
}

export interface SimulatedRun {
  /** Share of the jobs that found their model loaded. */
  readonly hitRate: number;
  /** How often the job that was overtaken most often was. */
  readonly mostOvertaken: number;
  readonly totalMs: number;
}

/** The oldest job to the server with most room, whatever it has loaded. */
export const firstInFirstOut: Policy = (claims, servers) => {
  const [claim] = [...claims].sort((a, b) => a.order - b.order);
  const [server] = servers
    .filter(({ used, room }) => used < room)
    .sort((a, b) => a.used - b.used || (a.id < b.id ? -1 : 1));
  return claim && server
    ? [{ key: claim.key, serverId: server.id, reason: '', overtakes: [] }]
    : [];
};

/** Runs a backlog to its end: claims enter the window in the order of the queue as others leave it. */
export function simulate(fleet: SimulatedFleet, policy: Policy): SimulatedRun {
  const queue = fleet.backlog.map((model, order) => ({ key: `job-${order}`, model, order }));
  const all = new Set(fleet.servers);
  const states = new Map(
    fleet.servers.map((id) => [id, { warmModel: null as string | null, ends: [] as number[] }]),
  );
  const window = new Map<string, WaitingClaim>();
  let [nowMs, next, hits, mostOvertaken, totalMs] = [0, 0, 0, 0, 0];
  while (next < queue.length || window.size > 0) {
    for (; window.size < fleet.window && next < queue.length; next += 1) {
      const job = queue[next];
      if (!job) break;
      const claim = { ...job, priority: 3, tenant: 't', servers: all };
      window.set(job.key, { ...claim, overtaken: 0, overtakenAtMs: undefined });
    }
    const servers = fleet.servers.map((id) => ({
      ...{ id, room: fleet.room, reachable: true, draining: false },
      used: states.get(id)?.ends.length ?? 0,
      warmModel: states.get(id)?.warmModel ?? null,
    }));
    const placements = policy([...window.values()], servers, {
      nowMs,
      maxOvertaken: fleet.window,
      affinityWaitMs: fleet.affinityWaitMs,
      tenantLimit: () => Infinity,
      running: new Map(),
    });
    for (const { key, serverId } of placements) {
      const claim = window.get(key);
      const state = states.get(serverId);
      if (!claim || !state) throw new Error(`${key} was placed on ${serverId}`);
      window.delete(key);
      const isHit = state.warmModel === claim.model;
      const endMs =
        Math.max(nowMs, state.ends.at(-1) ?? 0) + fleet.drawMs + (isHit ? 0 : fleet.loadMs);
      state.ends.push(endMs);
      state.warmModel = claim.model;
      if (isHit) hits += 1;
      totalMs = Math.max(totalMs, endMs);
      // Counted here and not taken from the policy's own account.
      for (const other of window.values()) {
        if (other.order > claim.order) continue;
        const passed = overtake(other, nowMs);
        mostOvertaken = Math.max(mostOvertaken, passed.overtaken);
        window.set(other.key, passed);
      }
    }
    if (placements.length > 0) continue;
    nowMs = Math.min(...[...states.values()].flatMap(({ ends }) => ends));
    for (const state of states.values()) state.ends = state.ends.filter((endMs) => endMs > nowMs);
  }
  return { hitRate: hits / queue.length, mostOvertaken, totalMs };
}

/** Pseudo-random numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Items drawn with the weights 1, 1/2, 1/3, … */
export function zipf<T>(items: readonly T[], count: number, random: () => number): T[] {
  const weights = items.map((_, rank) => 1 / (rank + 1));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return Array.from({ length: count }, () => {
    let left = random() * sum;
    return (items[weights.findIndex((weight) => (left -= weight) < 0)] ?? items[0]) as T;
  });
}
