import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { overtake, place, type WaitingClaim } from './placement.ts';
import {
  createRandom,
  firstInFirstOut,
  simulate,
  zipf,
} from './placement-simulation.test-support.ts';

const SERVERS = ['a', 'b', 'c'];
const MOST_OVERTAKEN = 2;

interface Seen {
  readonly claim: WaitingClaim;
  /** Later claims of its priority that took room it could have had. */
  overtaken: number;
}

const arrive = fc.record({
  kind: fc.constant('arrive' as const),
  priority: fc.constantFrom(3, 3, 3, 2),
  model: fc.constantFrom('sd1', 'sdxl', 'flux1'),
  servers: fc.constantFrom(SERVERS, SERVERS, ['a'], ['b', 'c']).map((ids) => new Set(ids)),
});
const server = fc.constantFrom(...SERVERS);
/** A step of a run: a claim comes, a server is through with all it had, goes or comes back, or the placer looks. */
const step = fc.oneof(
  { weight: 6, arbitrary: arrive },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('finish' as const), server }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('toggle' as const), server }) },
  // Some grants of a pass may be refused, because another placer was quicker: the rest of the plan is dropped.
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), granted: fc.constantFrom(1, 9) }),
  },
);

describe('placement over time', () => {
  it('lets no job be overtaken more often than allowed, whatever comes, goes and is refused', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
        const window = new Map<string, WaitingClaim>();
        const seen = new Map<string, Seen>();
        const fleet = new Map(SERVERS.map((id) => [id, newServer(id)]));
        steps.forEach((one, nowMs) => {
          if (one.kind === 'arrive') {
            const { kind: _kind, ...what } = one;
            const claim = { ...what, key: `c${nowMs}`, order: nowMs, tenant: 't' };
            window.set(claim.key, { ...claim, overtaken: 0, overtakenAtMs: undefined });
            seen.set(claim.key, {
              claim: { ...claim, overtaken: 0, overtakenAtMs: undefined },
              overtaken: 0,
            });
            return;
          }
          if (one.kind !== 'pass') {
            const server = fleet.get(one.server) ?? newServer(one.server);
            fleet.set(one.server, {
              ...server,
              ...(one.kind === 'toggle' ? { reachable: !server.reachable } : { used: 0 }),
            });
            return;
          }
          const rules = {
            ...{ nowMs, maxOvertaken: MOST_OVERTAKEN, affinityWaitMs: 40 },
            ...{ tenantLimit: () => Infinity, running: new Map<string, number>() },
          };
          const plan = place([...window.values()], [...fleet.values()], rules);
          for (const { key, serverId, overtakes } of plan.slice(0, one.granted)) {
            const server = fleet.get(serverId) ?? newServer(serverId);
            const claim = window.get(key);
            if (!claim) throw new Error(`${key} does not wait`);
            fleet.set(serverId, { ...server, used: server.used + 1, warmModel: claim.model });
            window.delete(key);
            for (const passed of overtakes) {
              const other = window.get(passed);
              if (other) window.set(passed, overtake(other, nowMs));
            }
            // An account of its own: whoever waits, is able, and was there before.
            for (const waits of window.keys()) {
              const other = seen.get(waits);
              if (!other || other.claim.order > claim.order) continue;
              if (other.claim.priority !== claim.priority) continue;
              if (!other.claim.servers.has(serverId)) continue;
              other.overtaken += 1;
              expect(other.overtaken).toBeLessThanOrEqual(MOST_OVERTAKEN);
            }
          }
        });
      }),
      { numRuns: 200 },
    );
  });

  it('starves nobody: a stream of jobs for the loaded model is broken for the one that wants another', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 3 }), (most, room) => {
        const lonely = 'lonely';
        const backlog = [
          ...Array<string>(5).fill('hot'),
          lonely,
          ...Array<string>(200).fill('hot'),
        ];
        const order: string[] = [];
        simulate(
          { ...FLEET, servers: ['only'], room, backlog, window: most + 1 },
          (claims, servers, rules) => {
            const placements = place(claims, servers, { ...rules, maxOvertaken: most });
            for (const { key } of placements)
              order.push(claims.find((one) => one.key === key)?.model ?? '');
            return placements;
          },
        );
        expect(order.indexOf(lonely)).toBeLessThanOrEqual(5 + most);
      }),
    );
  });
});

const FLEET = {
  ...{ servers: ['a', 'b', 'c', 'd'], room: 2, window: 32 },
  ...{ drawMs: 1_000, loadMs: 5_000, affinityWaitMs: 30_000 },
};

const newServer = (id: string) => ({
  ...{ id, room: 2, used: 0, reachable: true, draining: false },
  warmModel: null as string | null,
});

describe('a deep backlog on four servers, with six checkpoints by Zipf', () => {
  it.each([1, 2, 3])(
    'finds the model loaded at least 85 times in 100, where first in first out does 25 times (seed %i)',
    (seed) => {
      const models = ['a', 'b', 'c', 'd', 'e', 'f'];
      const backlog = zipf(models, 1_000, createRandom(seed));
      const ours = simulate({ ...FLEET, backlog }, place);
      const fifo = simulate({ ...FLEET, backlog }, firstInFirstOut);
      expect(ours.hitRate).toBeGreaterThanOrEqual(0.85);
      expect(ours.mostOvertaken).toBeLessThanOrEqual(32);
      expect(fifo.hitRate).toBeLessThan(0.35);
      expect(ours.totalMs).toBeLessThan(fifo.totalMs);
    },
  );
});
