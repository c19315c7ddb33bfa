import type { FleetServer } from '../domain/fleet.ts';

/** All servers that are known, also those that do not answer. */
export interface FleetView {
  /** As it was at most 2 seconds ago. */
  current(): Promise<readonly FleetServer[]>;
  /** As it is now. */
  fresh(): Promise<readonly FleetServer[]>;
}

const KEPT_MS = 2_000;

/**
 * Reads the fleet at most every 2 seconds; callers at the same time share one read. While it cannot be read, `current`
 * answers what was read last and throws only when there was nothing before.
 */
export function createFleetView(
  read: () => Promise<readonly FleetServer[]>,
  now: () => number,
): FleetView {
  let last: readonly FleetServer[] | undefined;
  let kept: { readonly at: number; readonly list: Promise<readonly FleetServer[]> } | undefined;
  const fresh = async (): Promise<readonly FleetServer[]> => {
    const at = now();
    last = await read();
    kept = { at, list: Promise.resolve(last) };
    return last;
  };
  const freshOrLast = async (): Promise<readonly FleetServer[]> => {
    try {
      return await fresh();
    } catch (error) {
      // A failed read is not kept: the next caller tries again.
      kept = undefined;
      if (last) return last;
      throw error;
    }
  };
  return {
    fresh,
    current() {
      if (kept && now() - kept.at < KEPT_MS) return kept.list;
      // Begun in the next turn, so that a read that fails at once finds what it must not keep.
      const list = Promise.resolve().then(freshOrLast);
      kept = { at: now(), list };
      return list;
    },
  };
}
