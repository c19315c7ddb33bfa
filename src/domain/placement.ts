/** Which waiting job gets which server. Pure and deterministic. */

export interface WaitingClaim {
  readonly key: string;
  /** 1 (first) to 5. */
  readonly priority: number;
  /** Grows with every claim that entered the window. */
  readonly order: number;
  /** AIR of the checkpoint. */
  readonly model: string;
}

export interface PlaceableServer {
  readonly id: string;
  readonly room: number;
  readonly used: number;
  readonly reachable: boolean;
  readonly warmModel: string | null;
}

export interface Placement {
  readonly key: string;
  readonly serverId: string;
  readonly reason: string;
}

/**
 * Assigns claims to free room: by priority, then by age; a server that has the model loaded is preferred, then the one
 * with the least work. Room is never exceeded, and a claim is left only when no reachable server has room.
 */
export function place(
  claims: readonly WaitingClaim[],
  servers: readonly PlaceableServer[],
): Placement[] {
  const free = servers
    .filter((server) => server.reachable)
    .map((server) => ({ ...server, left: server.room - server.used }));
  const ordered = [...claims].sort((a, b) => a.priority - b.priority || a.order - b.order);
  const placements: Placement[] = [];
  for (const claim of ordered) {
    const [best] = free
      .filter((server) => server.left > 0)
      .sort(
        (a, b) =>
          Number(b.warmModel === claim.model) - Number(a.warmModel === claim.model) ||
          b.left - a.left ||
          (a.id < b.id ? -1 : 1),
      );
    if (!best) break;
    const warm = best.warmModel === claim.model;
    placements.push({
      key: claim.key,
      serverId: best.id,
      reason: warm
        ? `${best.id} has room and the model loaded`
        : `${best.id} has room (${best.left} of ${best.room})`,
    });
    best.left -= 1;
    best.warmModel = claim.model;
  }
  return placements;
}
