/** Which waiting job gets which server. Pure and deterministic. */

export interface WaitingClaim {
  readonly key: string;
  /** 1 (first) to 5. */
  readonly priority: number;
  /** Lower is first: by age, or by the turns of the tenants. */
  readonly order: number;
  /** AIR of the checkpoint. */
  readonly model: string;
  readonly tenant: string;
  /** Ids of the servers that can run it. */
  readonly servers: ReadonlySet<string>;
  /** How many later claims were given room that this one could have had. */
  readonly overtaken: number;
  /** When the first of them was. */
  readonly overtakenAtMs: number | undefined;
  /** How many of those were another tenant's. (Default: 0) */
  readonly overtakenByOthers?: number;
}

export interface PlaceableServer {
  readonly id: string;
  readonly room: number;
  readonly used: number;
  readonly reachable: boolean;
  readonly draining: boolean;
  /** AIR of the model it will have loaded when its next job begins. */
  readonly warmModel: string | null;
}

export interface PlacementRules {
  readonly nowMs: number;
  /** Nobody is overtaken more often than this. */
  readonly maxOvertaken: number;
  /** Nor by claims of other tenants more often than this. (Default: maxOvertaken) */
  readonly maxOvertakenByOthers?: number;
  /** Nor for longer than this. */
  readonly affinityWaitMs: number;
  /** Jobs a tenant may have on servers at a time. */
  readonly tenantLimit: (tenant: string) => number;
  /** How many it has now; a tenant that is left out has none. */
  readonly running: ReadonlyMap<string, number>;
}

export interface Placement {
  readonly key: string;
  readonly serverId: string;
  readonly reason: string;
  /** Claims that waited longer and could have had this room. */
  readonly overtakes: readonly string[];
}

/** True for a server that takes jobs now. */
export const hasRoom = (server: Omit<PlaceableServer, 'warmModel'>): boolean =>
  server.reachable && !server.draining && server.used < server.room;

interface Choice {
  readonly claim: WaitingClaim;
  readonly server: PlaceableServer;
  readonly isForced: boolean;
  readonly isWarm: boolean;
}

/**
 * Assigns claims to free room, one after the other. A server takes the most urgent of the claims it can run; among
 * equals the oldest that was overtaken as often or for as long as is allowed, else the oldest whose model it has
 * loaded, else the oldest of the model for which most wait. Idle servers take first. Room is left over only where no
 * claim that could run there waits, apart from those of tenants at their limit.
 */
export function place(
  claims: readonly WaitingClaim[],
  servers: readonly PlaceableServer[],
  rules: PlacementRules,
): Placement[] {
  const fleet = new Map(servers.map((server) => [server.id, server]));
  const running = new Map(rules.running);
  let waiting = [...claims].sort((a, b) => a.priority - b.priority || a.order - b.order);
  const placements: Placement[] = [];
  for (;;) {
    const free = [...fleet.values()].filter(hasRoom);
    const allowed = waiting.filter(
      ({ tenant }) => (running.get(tenant) ?? 0) < rules.tenantLimit(tenant),
    );
    const [best] = free
      .flatMap((server) => pickFor(server, allowed, [...fleet.values()], rules) ?? [])
      .sort(inTurn);
    if (!best) return placements;
    const { claim, server } = best;
    const overtakes = allowed.filter((other) => isOvertaken(other, claim, server.id));
    placements.push({
      key: claim.key,
      serverId: server.id,
      reason: reasonOf(best, overtakes.length, rules),
      overtakes: overtakes.map(({ key }) => key),
    });
    const passed = new Set(overtakes);
    waiting = waiting.flatMap((other) => {
      if (other.key === claim.key) return [];
      return passed.has(other) ? [overtake(other, rules.nowMs, claim)] : [other];
    });
    running.set(claim.tenant, (running.get(claim.tenant) ?? 0) + 1);
    fleet.set(server.id, { ...server, used: server.used + 1, warmModel: claim.model });
  }
}

/** A claim after another one took room that it could have had. */
export const overtake = <T extends Omit<WaitingClaim, 'servers'>>(
  claim: T,
  nowMs: number,
  by: Pick<WaitingClaim, 'tenant'> = claim,
): T => ({
  ...claim,
  overtaken: claim.overtaken + 1,
  overtakenByOthers: (claim.overtakenByOthers ?? 0) + (by.tenant === claim.tenant ? 0 : 1),
  overtakenAtMs: claim.overtakenAtMs ?? nowMs,
});

/** The claim that this server takes next; `waiting` is in order of priority and age. */
function pickFor(
  server: PlaceableServer,
  waiting: readonly WaitingClaim[],
  fleet: readonly PlaceableServer[],
  rules: PlacementRules,
): Choice | undefined {
  const able = waiting.filter(({ servers }) => servers.has(server.id));
  const urgent = able.filter(({ priority }) => priority === able[0]?.priority);
  const forced = urgent.find((claim) => isForced(claim, rules));
  const claim =
    forced ?? urgent.find(({ model }) => model === server.warmModel) ?? mostWanted(urgent, fleet);
  if (!claim) return undefined;
  return {
    claim,
    server,
    isForced: forced !== undefined,
    isWarm: claim.model === server.warmModel,
  };
}

/** The oldest claim of the model for which most claims wait per server that has it loaded. */
function mostWanted(
  claims: readonly WaitingClaim[],
  fleet: readonly PlaceableServer[],
): WaitingClaim | undefined {
  const share = (model: string): number =>
    claims.filter((claim) => claim.model === model).length /
    (1 + fleet.filter(({ warmModel }) => warmModel === model).length);
  const shares = new Map([...new Set(claims.map(({ model }) => model))].map((m) => [m, share(m)]));
  const most = Math.max(...shares.values());
  return claims.find(({ model }) => shares.get(model) === most);
}

const isForced = (claim: WaitingClaim, rules: PlacementRules): boolean =>
  claim.overtaken >= rules.maxOvertaken ||
  isOwed(claim, rules) ||
  waitedMs(claim, rules) >= rules.affinityWaitMs;

/** Others had as many turns that were its tenant's as they may. */
const isOwed = ({ overtakenByOthers = 0 }: WaitingClaim, rules: PlacementRules): boolean =>
  overtakenByOthers >= (rules.maxOvertakenByOthers ?? rules.maxOvertaken);

const waitedMs = ({ overtakenAtMs }: WaitingClaim, { nowMs }: PlacementRules): number =>
  overtakenAtMs === undefined ? -1 : nowMs - overtakenAtMs;

/** Which server takes first. */
const inTurn = (a: Choice, b: Choice): number =>
  a.claim.priority - b.claim.priority ||
  Number(b.isForced) - Number(a.isForced) ||
  Number(a.server.used > 0) - Number(b.server.used > 0) ||
  Number(b.isWarm) - Number(a.isWarm) ||
  a.claim.order - b.claim.order ||
  b.server.room - b.server.used - (a.server.room - a.server.used) ||
  (a.server.id < b.server.id ? -1 : 1);

const isOvertaken = (other: WaitingClaim, by: WaitingClaim, serverId: string): boolean =>
  other.priority === by.priority && other.order < by.order && other.servers.has(serverId);

function reasonOf(
  { claim, server, isWarm, isForced: isDue }: Choice,
  overtaken: number,
  rules: PlacementRules,
): string {
  const overtook = overtaken > 0 ? `, overtook ${overtaken}` : '';
  if (isWarm) return `${server.id} has the model loaded${overtook}`;
  const left = `${server.room - server.used} of ${server.room}`;
  const room = server.used > 0 ? `${server.id} has room (${left})` : `${server.id} is idle`;
  if (!isDue) return `${room}${overtook}`;
  return claim.overtaken >= rules.maxOvertaken || isOwed(claim, rules)
    ? `${room}; it was overtaken by ${claim.overtaken}`
    : `${room}; waited ${Math.floor(waitedMs(claim, rules) / 1_000)} s for a warm server`;
}
