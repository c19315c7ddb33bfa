import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startPulse } from './pulse.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a pulse', () => {
  it('beats at once and every second until it is stopped', () => {
    let beats = 0;
    const pulse = startPulse(() => (beats += 1));
    vi.advanceTimersByTime(3_000);
    pulse.stop();
    vi.advanceTimersByTime(3_000);
    expect(beats).toBe(4);
  });

  it('tells that the process stood still, also when nothing has run since', () => {
    let now = 0;
    const pulse = startPulse(
      () => undefined,
      () => now,
    );
    now = 7_000;
    pulse.assertSteady();
    now = 16_000;
    expect(() => pulse.assertSteady()).toThrow('stood still for 9 s');
    now = 16_100;
    expect(() => pulse.assertSteady()).toThrow('stood still');
    pulse.stop();
  });
});
