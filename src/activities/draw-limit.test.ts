import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createDrawLimit } from './draw-limit.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());
const now = (): number => Date.now();

describe('the limit of a drawing', () => {
  it('counts from its beginning, not while it waits behind others', () => {
    const limit = createDrawLimit(10_000, undefined, now);
    vi.advanceTimersByTime(60_000);
    limit.start();
    vi.advanceTimersByTime(6_000);
    limit.start();
    vi.advanceTimersByTime(3_999);
    expect(limit.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(limit.signal.aborted).toBe(true);
  });

  it('goes on counting in a later try, which looks first whether the drawing ended', () => {
    const begun = now();
    vi.advanceTimersByTime(4_000);
    const second = createDrawLimit(10_000, begun, now);
    expect(second.startedAtMs).toBe(begun);
    vi.advanceTimersByTime(6_000);
    expect(second.signal.aborted).toBe(true);
    const third = createDrawLimit(10_000, begun, now);
    vi.advanceTimersByTime(4_999);
    expect(third.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(third.signal.aborted).toBe(true);
  });

  it('is none without a timeout, and none once it was stopped', () => {
    const without = createDrawLimit(undefined, undefined, now);
    const stopped = createDrawLimit(1_000, undefined, now);
    for (const limit of [without, stopped]) limit.start();
    stopped.stop();
    vi.advanceTimersByTime(3_600_000);
    expect([without.signal.aborted, stopped.signal.aborted]).toEqual([false, false]);
    expect(without.startedAtMs).toBeDefined();
  });
});
