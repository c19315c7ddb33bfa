import { fairOrder, NO_TURNS, takeTurn, type FairClaim } from '../domain/fair-order.ts';

type WeightOf = (tenant: string) => number;

/** Keeps account of whose turn it is among the claims of one placer. Each placer keeps its own. */
export function createWindowTurns() {
  let turns = NO_TURNS;
  return {
    /** The claims with `order` by turn instead of by age. */
    inTurn<T extends FairClaim>(claims: readonly T[], weightOf: WeightOf): T[] {
      const rank = new Map(fairOrder(claims, turns, weightOf).map((key, index) => [key, index]));
      return claims.map((claim) => ({ ...claim, order: rank.get(claim.key) ?? 0 }));
    },

    /** A claim of the tenant got a server. */
    take(tenant: string, weightOf: WeightOf): void {
      turns = takeTurn(turns, tenant, weightOf(tenant));
    },
  };
}
