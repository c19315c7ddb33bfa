import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  hasRoom,
  place,
  type PlaceableServer,
  type PlacementRules,
  type WaitingClaim,
} from './placement.ts';

const MODELS = ['sd1', 'sdxl', 'flux1'];
const SERVERS = ['s0', 's1', 's2', 's3'];
const TENANTS = ['ann', 'bob'];

const claim = (change: Partial<WaitingClaim> = {}): WaitingClaim => ({
  ...{ key: 'c', priority: 3, order: 0, model: 'sdxl', tenant: 'ann' },
  ...{ servers: new Set([...SERVERS, 'idle', 'warm', 'busy']) },
  ...{ overtaken: 0, overtakenAtMs: undefined },
  ...change,
});
const server = (id: string, change: Partial<PlaceableServer> = {}): PlaceableServer => ({
  ...{ id, room: 2, used: 0, reachable: true, draining: false, warmModel: null },
  ...change,
});
const rulesWith = (change: Partial<PlacementRules> = {}): PlacementRules => ({
  ...{ nowMs: 100_000, maxOvertaken: 32, affinityWaitMs: 30_000 },
  ...{ tenantLimit: () => Infinity, running: new Map() },
  ...change,
});

const anyClaims: fc.Arbitrary<WaitingClaim[]> = fc
  .array(
    fc.record({
      priority: fc.integer({ min: 1, max: 5 }),
      model: fc.constantFrom(...MODELS),
      tenant: fc.constantFrom(...TENANTS),
      servers: fc.subarray(SERVERS).map((ids) => new Set(ids)),
      overtaken: fc.integer({ min: 0, max: 4 }),
      overtakenAtMs: fc.option(fc.constantFrom(0, 90_000), { nil: undefined }),
    }),
    { maxLength: 30 },
  )
  .map((list) => list.map((one, index) => ({ ...one, key: `c${index}`, order: index })));
const mostly = (value: boolean): fc.Arbitrary<boolean> =>
  fc.oneof(
    { weight: 7, arbitrary: fc.constant(value) },
    { weight: 1, arbitrary: fc.constant(!value) },
  );
const anyServers: fc.Arbitrary<PlaceableServer[]> = fc
  .array(
    fc.record({
      room: fc.integer({ min: 0, max: 4 }),
      used: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 5 })),
      reachable: mostly(true),
      draining: mostly(false),
      warmModel: fc.option(fc.constantFrom(...MODELS)),
    }),
    { minLength: 1, maxLength: SERVERS.length },
  )
  .map((list) => list.map((one, index) => ({ ...one, id: `s${index}` })));
const anyRules: fc.Arbitrary<PlacementRules> = fc
  .record({
    limit: fc.constantFrom(0, 1, 3, Infinity),
    ann: fc.integer({ min: 0, max: 3 }),
    maxOvertaken: fc.integer({ min: 1, max: 4 }),
  })
  .map(({ ann, limit, maxOvertaken }) =>
    rulesWith({ maxOvertaken, tenantLimit: () => limit, running: new Map([['ann', ann]]) }),
  );

const check = (
  property: (
    waiting: readonly WaitingClaim[],
    fleet: readonly PlaceableServer[],
    rules: PlacementRules,
  ) => void,
): void => fc.assert(fc.property(anyClaims, anyServers, anyRules, property), { numRuns: 300 });

/** What the placements leave: claims that wait and are allowed to run, and servers with room. */
function leftBy(
  waiting: readonly WaitingClaim[],
  fleet: readonly PlaceableServer[],
  rules: PlacementRules,
) {
  const placements = place(waiting, fleet, rules);
  const byKey = new Map(placements.map((one) => [one.key, one]));
  const given = (serverId: string): number =>
    placements.filter((one) => one.serverId === serverId).length;
  const runningOf = (tenant: string): number =>
    (rules.running.get(tenant) ?? 0) +
    waiting.filter((one) => one.tenant === tenant && byKey.has(one.key)).length;
  return {
    placements,
    placedOn: (one: WaitingClaim) => byKey.get(one.key)?.serverId,
    runningOf,
    allowed: waiting.filter(
      (one) => !byKey.has(one.key) && runningOf(one.tenant) < rules.tenantLimit(one.tenant),
    ),
    free: fleet.filter((one) => hasRoom({ ...one, used: one.used + given(one.id) })),
    given,
  };
}

describe('place', () => {
  it('never exceeds the room of a server, nor uses one that is away, draining or unable', () => {
    check((waiting, fleet, rules) => {
      const { given, placements } = leftBy(waiting, fleet, rules);
      for (const one of fleet) {
        const left = one.reachable && !one.draining ? Math.max(0, one.room - one.used) : 0;
        expect(given(one.id)).toBeLessThanOrEqual(left);
      }
      for (const { key, serverId } of placements)
        expect(waiting.find((one) => one.key === key)?.servers.has(serverId)).toBe(true);
      expect(new Set(placements.map(({ key }) => key)).size).toBe(placements.length);
    });
  });

  it('leaves no room on a server while a job waits that it can run', () => {
    check((waiting, fleet, rules) => {
      const { allowed, free } = leftBy(waiting, fleet, rules);
      for (const one of allowed) expect(free.filter(({ id }) => one.servers.has(id))).toEqual([]);
    });
  });

  it('gives no server to a less urgent job while a more urgent one waits that it can run', () => {
    check((waiting, fleet, rules) => {
      const { allowed, placedOn } = leftBy(waiting, fleet, rules);
      for (const left of allowed)
        for (const other of waiting.filter(({ priority }) => priority > left.priority))
          expect(left.servers.has(placedOn(other) ?? '')).toBe(false);
    });
  });

  it('lets no tenant have more than its limit', () => {
    check((waiting, fleet, rules) => {
      const { runningOf } = leftBy(waiting, fleet, rules);
      for (const tenant of TENANTS)
        expect(runningOf(tenant)).toBeLessThanOrEqual(
          Math.max(rules.tenantLimit(tenant), rules.running.get(tenant) ?? 0),
        );
    });
  });

  it('overtakes nobody that was overtaken as often, or for as long, as is allowed', () => {
    check((waiting, fleet, rules) => {
      const byKey = new Map(waiting.map((one) => [one.key, one]));
      const overtaken = new Map(waiting.map((one) => [one.key, one.overtaken]));
      for (const { key, overtakes } of leftBy(waiting, fleet, rules).placements)
        for (const passed of overtakes) {
          const [by, other] = [byKey.get(key), byKey.get(passed)];
          overtaken.set(passed, (overtaken.get(passed) ?? 0) + 1);
          expect(overtaken.get(passed)).toBeLessThanOrEqual(rules.maxOvertaken);
          expect(other?.overtakenAtMs).not.toBe(0);
          expect(other?.priority).toBe(by?.priority);
          expect(other?.order).toBeLessThan(by?.order ?? 0);
        }
    });
  });

  it('tells of everybody that is overtaken: who waits on, is older, and could have run there', () => {
    check((waiting, fleet, rules) => {
      const { placements, allowed, placedOn } = leftBy(waiting, fleet, rules);
      for (const { key, serverId, overtakes } of placements) {
        const by = waiting.find((one) => one.key === key);
        const passed = allowed.filter(
          (one) =>
            one.priority === by?.priority && one.order < by.order && one.servers.has(serverId),
        );
        expect(placedOn(by ?? claim())).toBe(serverId);
        expect(overtakes).toEqual(expect.arrayContaining(passed.map((one) => one.key)));
      }
    });
  });

  it('decides the same whatever the order in which it is told, and changes nothing it is given', () => {
    check((waiting, fleet, rules) => {
      const frozen = waiting.map((one) => Object.freeze(one));
      expect(place([...frozen].reverse(), [...fleet].reverse(), rules)).toEqual(
        place(frozen, Object.freeze([...fleet]), rules),
      );
    });
  });
});

describe('the choice of a server', () => {
  const decide = (
    waiting: readonly WaitingClaim[],
    fleet: readonly PlaceableServer[],
    rules: Partial<PlacementRules> = {},
  ): string[] =>
    place(waiting, fleet, rulesWith(rules)).map(({ key, reason }) => `${key}: ${reason}`);

  it('prefers the one that has the model loaded, and says so', () => {
    const fleet = [server('busy', { used: 1 }), server('warm', { used: 1, warmModel: 'sdxl' })];
    expect(decide([claim()], fleet)).toEqual(['c: warm has the model loaded']);
    expect(decide([claim()], fleet.slice(0, 1))).toEqual(['c: busy has room (1 of 2)']);
  });

  it('lets a job begin at once on an idle server rather than wait behind another', () => {
    const fleet = [server('idle'), server('warm', { used: 1, warmModel: 'sdxl' })];
    expect(decide([claim()], fleet)).toEqual(['c: idle is idle']);
  });

  it('gives a server the oldest job of its model, ahead of older ones of others', () => {
    const waiting = [
      claim({ key: 'old', model: 'sd1' }),
      claim({ key: 'first', order: 1 }),
      claim({ key: 'second', order: 2 }),
    ];
    const fleet = [server('warm', { used: 1, warmModel: 'sdxl' })];
    expect(decide(waiting, fleet)).toEqual(['first: warm has the model loaded, overtook 1']);
  });

  it('gives it to who was overtaken often enough, or waited long enough for a warm server', () => {
    const fleet = [server('warm', { used: 1, warmModel: 'sdxl' })];
    const old = claim({ key: 'old', model: 'sd1', overtakenAtMs: 70_001, overtaken: 31 });
    const waiting = (change: Partial<WaitingClaim>) => [
      { ...old, ...change },
      claim({ key: 'new', order: 1 }),
    ];
    expect(decide(waiting({}), fleet)[0]).toMatch(/^new/);
    expect(decide(waiting({ overtaken: 32 }), fleet)).toEqual([
      'old: warm has room (1 of 2); it was overtaken by 32',
    ]);
    expect(decide(waiting({ overtakenAtMs: 70_000 }), fleet)).toEqual([
      'old: warm has room (1 of 2); waited 30 s for a warm server',
    ]);
  });

  it('changes to the model for which most jobs wait for each server that has it', () => {
    const waiting = ['sd1', 'flux1', 'flux1', 'sdxl', 'sdxl', 'sdxl'].map((model, order) =>
      claim({ key: `${model}-${order}`, model, order }),
    );
    const fleet = [server('busy', { used: 1 }), server('warm', { used: 2, warmModel: 'sdxl' })];
    expect(decide(waiting, fleet)).toEqual(['flux1-1: busy has room (1 of 2), overtook 1']);
  });

  it('puts priority above a loaded model', () => {
    const waiting = [claim({ key: 'warm' }), claim({ key: 'urgent', priority: 2, model: 'sd1' })];
    const fleet = [server('warm', { used: 1, warmModel: 'sdxl' })];
    expect(decide(waiting, fleet)).toEqual(['urgent: warm has room (1 of 2)']);
  });

  it("gives what is left of a tenant's limit to its most urgent job", () => {
    const waiting = [
      claim({ key: 'idle', servers: new Set(['idle']) }),
      claim({ key: 'urgent', priority: 1, servers: new Set(['busy']) }),
    ];
    const fleet = [server('idle'), server('busy', { used: 1 })];
    expect(decide(waiting, fleet, { tenantLimit: () => 1 })).toEqual([
      'urgent: busy has room (1 of 2)',
    ]);
  });

  it('passes over the jobs of a tenant at its limit without counting them as overtaken', () => {
    const waiting = [claim({ key: 'more' }), claim({ key: 'other', order: 1, tenant: 'bob' })];
    const tenantLimit = (tenant: string): number => (tenant === 'ann' ? 2 : 9);
    const rules = { tenantLimit, running: new Map([['ann', 2]]) };
    expect(decide(waiting, [server('s0')], rules)).toEqual(['other: s0 is idle']);
  });
});
