import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fairOrder, NO_TURNS, takeTurn, type FairClaim, type Turns } from './fair-order.ts';

const claimsOf = (...tenants: string[]): FairClaim[] =>
  tenants.map((tenant, order) => ({ key: `${tenant}${order}`, tenant, priority: 3, order }));
const many = (tenant: string, count: number): string[] => Array<string>(count).fill(tenant);
const equal = (): number => 1;
const after = (tenants: readonly string[], weightOf = equal): Turns =>
  tenants.reduce<Turns>((turns, tenant) => takeTurn(turns, tenant, weightOf()), NO_TURNS);
const tenantsOf = (keys: readonly string[]): string => keys.map((key) => key[0]).join('');

const claims: fc.Arbitrary<FairClaim[]> = fc
  .array(
    fc.record({
      tenant: fc.constantFrom('a', 'b', 'c'),
      priority: fc.integer({ min: 1, max: 5 }),
    }),
    { maxLength: 40 },
  )
  .map((list) => list.map((claim, order) => ({ ...claim, order, key: `c${order}` })));
const weights = fc.record({
  a: fc.integer({ min: 1, max: 5 }),
  b: fc.integer({ min: 1, max: 5 }),
  c: fc.integer({ min: 1, max: 5 }),
});

describe('fair order', () => {
  it('gives the next turn to a tenant that comes to a window full of another’s', () => {
    const turns = after(many('a', 100));
    const waiting = claimsOf(...many('a', 31), 'b');
    expect(tenantsOf(fairOrder(waiting, turns, equal)).slice(0, 4)).toBe('baaa');
  });

  it('lets tenants take turns, whoever came first', () => {
    const waiting = claimsOf(...many('a', 4), ...many('b', 4));
    expect(tenantsOf(fairOrder(waiting, NO_TURNS, equal))).toBe('abababab');
  });

  it('gives a tenant of weight 2 two turns where one of weight 1 has one', () => {
    const waiting = claimsOf(...many('a', 30), ...many('b', 30));
    const weightOf = (tenant: string): number => (tenant === 'a' ? 2 : 1);
    const first = tenantsOf(fairOrder(waiting, NO_TURNS, weightOf)).slice(0, 30);
    expect(first.replaceAll('b', '')).toHaveLength(20);
    expect(first).not.toContain('aaaa');
  });

  it('gives a tenant that was away no turns for the time before', () => {
    const turns = after([...many('b', 1), ...many('a', 50)]);
    const waiting = claimsOf(...many('a', 10), ...many('b', 10));
    expect(tenantsOf(fairOrder(waiting, turns, equal)).slice(0, 6)).toMatch(/^b(ab)*/);
    expect(tenantsOf(fairOrder(waiting, turns, equal)).slice(0, 6)).not.toContain('bb');
  });

  it('takes better levels first, and within tenant and level the oldest; it loses no claim', () => {
    fc.assert(
      fc.property(claims, weights, (waiting, shares) => {
        const byKey = new Map(waiting.map((claim) => [claim.key, claim]));
        const keys = fairOrder(waiting, NO_TURNS, (tenant) => shares[tenant as 'a']);
        const ordered = keys.flatMap((key) => byKey.get(key) ?? []);
        expect([...keys].sort()).toEqual(waiting.map(({ key }) => key).sort());
        for (const [index, claim] of ordered.entries())
          for (const later of ordered.slice(index + 1)) {
            expect(later.priority).toBeGreaterThanOrEqual(claim.priority);
            if (later.priority === claim.priority && later.tenant === claim.tenant)
              expect(later.order).toBeGreaterThan(claim.order);
          }
      }),
    );
  });

  it('leaves no tenant behind: while all wait, shares differ by one turn at most', () => {
    fc.assert(
      fc.property(weights, (shares) => {
        const waiting = claimsOf(...many('a', 60), ...many('b', 60), ...many('c', 60));
        const weightOf = (tenant: string): number => shares[tenant as 'a'];
        const had = new Map([...'abc'].map((tenant) => [tenant, 0]));
        // Until the first has nothing left, all wait.
        for (const tenant of tenantsOf(fairOrder(waiting, NO_TURNS, weightOf)).slice(0, 60)) {
          had.set(tenant, (had.get(tenant) ?? 0) + 1);
          const turns = [...had].map(([name, count]) => count / weightOf(name));
          expect(Math.max(...turns) - Math.min(...turns)).toBeLessThanOrEqual(
            2 / Math.min(...Object.values(shares)),
          );
        }
      }),
    );
  });

  it('forgets tenants that are no longer ahead', () => {
    const turns = after([...Array(1_000).keys()].map((index) => `tenant-${index}`));
    expect(takeTurn(takeTurn(turns, 'a', 1), 'a', 1).ends.size).toBeLessThan(3);
  });
});
