import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { place, type PlaceableServer, type WaitingClaim } from './placement.ts';

const model = fc.constantFrom('sd1', 'sdxl', 'flux1');
const claims: fc.Arbitrary<WaitingClaim[]> = fc
  .array(fc.record({ priority: fc.integer({ min: 1, max: 5 }), model }), { maxLength: 40 })
  .chain((list) =>
    fc
      .shuffledSubarray(
        list.map((_, index) => index),
        { minLength: list.length },
      )
      .map((order) =>
        list.map((claim, index) => ({ ...claim, key: `c${index}`, order: order[index] ?? 0 })),
      ),
  );
const servers: fc.Arbitrary<PlaceableServer[]> = fc
  .array(
    fc.record({
      room: fc.integer({ min: 0, max: 4 }),
      used: fc.integer({ min: 0, max: 5 }),
      reachable: fc.boolean(),
      warmModel: fc.option(model),
    }),
    { maxLength: 6 },
  )
  .map((list) => list.map((server, index) => ({ ...server, id: `s${index}` })));

const roomOf = (list: readonly PlaceableServer[]): number =>
  list
    .filter((server) => server.reachable)
    .reduce((sum, server) => sum + Math.max(0, server.room - server.used), 0);

describe('place', () => {
  it('never exceeds the room of a server, nor uses one that does not answer', () => {
    fc.assert(
      fc.property(claims, servers, (waiting, fleet) => {
        for (const server of fleet) {
          const given = place(waiting, fleet).filter(({ serverId }) => serverId === server.id);
          const left = server.reachable ? Math.max(0, server.room - server.used) : 0;
          expect(given.length).toBeLessThanOrEqual(left);
        }
      }),
    );
  });

  it('leaves nothing waiting while a reachable server has room, and places no claim twice', () => {
    fc.assert(
      fc.property(claims, servers, (waiting, fleet) => {
        const keys = place(waiting, fleet).map(({ key }) => key);
        expect(new Set(keys).size).toBe(keys.length);
        expect(keys).toHaveLength(Math.min(waiting.length, roomOf(fleet)));
      }),
    );
  });

  it('takes the most urgent first, and of equals the oldest', () => {
    fc.assert(
      fc.property(claims, servers, (waiting, fleet) => {
        const placed = new Set(place(waiting, fleet).map(({ key }) => key));
        const ahead = (a: WaitingClaim, b: WaitingClaim): boolean =>
          a.priority < b.priority || (a.priority === b.priority && a.order < b.order);
        for (const left of waiting.filter(({ key }) => !placed.has(key)))
          for (const taken of waiting.filter(({ key }) => placed.has(key)))
            expect(ahead(taken, left)).toBe(true);
      }),
    );
  });

  it('prefers the server that has the model loaded, then the one with the least work', () => {
    const claim = { key: 'c', priority: 3, order: 0, model: 'sdxl' };
    const server = { room: 4, used: 0, reachable: true, warmModel: null };
    const idle = { ...server, id: 'idle' };
    const warm = { ...server, id: 'warm', used: 3, warmModel: 'sdxl' };
    expect(place([claim], [idle, warm])).toEqual([
      { key: 'c', serverId: 'warm', reason: 'warm has room and the model loaded' },
    ]);
    const busy = { ...server, id: 'busy', used: 2 };
    expect(place([claim], [busy, idle])).toEqual([
      { key: 'c', serverId: 'idle', reason: 'idle has room (4 of 4)' },
    ]);
  });

  it('changes neither the claims nor the servers it is given', () => {
    const fleet = Object.freeze([
      Object.freeze({ id: 'a', room: 1, used: 0, reachable: true, warmModel: null }),
    ]);
    const waiting = Object.freeze([
      Object.freeze({ key: 'c', priority: 3, order: 0, model: 'sdxl' }),
    ]);
    expect(place(waiting, fleet)).toHaveLength(1);
  });
});
