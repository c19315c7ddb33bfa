import { describe, expect, it } from 'vitest';
import type { FleetServer } from '../domain/fleet.ts';
import { createFleetView } from './fleet-view.ts';

const server = (id: string): FleetServer => ({
  ...{ id, pool: 'default', room: 1, reachable: true, draining: false },
  ...{ ecosystems: null, vramBytes: null, lists: { files: {}, nodeClasses: new Set() } },
});

function viewOf() {
  const world = { reads: 0, clock: 0, answer: async () => [server('a')] };
  const read = (): Promise<FleetServer[]> => {
    world.reads += 1;
    return world.answer();
  };
  return { world, view: createFleetView(read, () => world.clock) };
}
const ids = (list: readonly FleetServer[]): string[] => list.map(({ id }) => id);

describe('the view of the fleet', () => {
  it('is read once for all who ask within two seconds, and again after that', async () => {
    const { world, view } = viewOf();
    await Promise.all([view.current(), view.current()]);
    world.clock = 1_999;
    await view.current();
    expect(world.reads).toBe(1);
    world.clock = 2_000;
    world.answer = async () => [server('b')];
    expect(ids(await view.current())).toEqual(['b']);
  });

  it('stays what it was while the database is away, and is read as soon as that is back', async () => {
    const { world, view } = viewOf();
    await view.current();
    world.clock = 5_000;
    world.answer = () => Promise.reject(new Error('no connection'));
    expect(ids(await view.current())).toEqual(['a']);
    world.answer = async () => [server('b')];
    expect(ids(await view.current())).toEqual(['b']);
  });

  it('is an error when it never could be read, and when it must be of now', async () => {
    const { world, view } = viewOf();
    world.answer = () => Promise.reject(new Error('no connection'));
    await expect(view.current()).rejects.toThrow('no connection');
    world.answer = async () => [server('a')];
    await view.current();
    world.answer = () => Promise.reject(new Error('no connection'));
    await expect(view.fresh()).rejects.toThrow('no connection');
    expect(ids(await view.current())).toEqual(['a']);
  });
});
