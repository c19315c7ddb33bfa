/** Whose turn it is among the claims that wait. Pure; start-time fair queueing (Goyal, Vin, Cheng, 1996). */

export interface FairClaim {
  readonly key: string;
  readonly tenant: string;
  /** 1 (first) to 5. */
  readonly priority: number;
  /** Grows with age. */
  readonly order: number;
}

/** What tenants have had: where the turn of each ended that is ahead, and where the last turn began. */
export interface Turns {
  readonly now: number;
  readonly ends: ReadonlyMap<string, number>;
}

export const NO_TURNS: Turns = { now: 0, ends: new Map() };

/** The turns after one more job of a tenant. A tenant that had nothing waiting begins now: it saves nothing up. */
export function takeTurn(turns: Turns, tenant: string, weight: number): Turns {
  const begin = beginOf(turns, tenant);
  const now = Math.max(turns.now, begin);
  const ends = new Map([...turns.ends].filter(([, end]) => end > now));
  return { now, ends: ends.set(tenant, begin + 1 / weight) };
}

const beginOf = ({ now, ends }: Turns, tenant: string): number =>
  Math.max(now, ends.get(tenant) ?? 0);

/**
 * Keys of the claims in the order in which they should get servers: by level; within a level the tenant whose turn
 * begins first, of equals the one whose oldest claim is older; within a tenant by age.
 */
export function fairOrder(
  claims: readonly FairClaim[],
  turns: Turns,
  weightOf: (tenant: string) => number,
): string[] {
  const sorted = [...claims].sort((a, b) => a.priority - b.priority || a.order - b.order);
  const keys: string[] = [];
  let reached = turns;
  for (const level of new Set(sorted.map(({ priority }) => priority))) {
    const queues = queuesOf(sorted.filter(({ priority }) => priority === level));
    for (;;) {
      const next = firstInTurn(queues, reached);
      if (!next) break;
      keys.push(next.key);
      reached = takeTurn(reached, next.tenant, weightOf(next.tenant));
    }
  }
  return keys;
}

function queuesOf(claims: readonly FairClaim[]): FairClaim[][] {
  const queues = new Map<string, FairClaim[]>();
  for (const claim of claims) {
    const queue = queues.get(claim.tenant) ?? [];
    queues.set(claim.tenant, queue);
    queue.push(claim);
  }
  return [...queues.values()];
}

/** Takes the first claim of the queue whose tenant's turn begins first. */
function firstInTurn(queues: readonly FairClaim[][], turns: Turns): FairClaim | undefined {
  let best: FairClaim[] | undefined;
  for (const queue of queues) {
    const [head] = queue;
    const [champion] = best ?? [];
    if (!head) continue;
    if (!champion || isBefore(head, champion, turns)) best = queue;
  }
  return best?.shift();
}

function isBefore(a: FairClaim, b: FairClaim, turns: Turns): boolean {
  const [beginA, beginB] = [beginOf(turns, a.tenant), beginOf(turns, b.tenant)];
  return beginA < beginB || (beginA === beginB && a.order < b.order);
}
