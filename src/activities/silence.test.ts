import { describe, expect, it } from 'vitest';
import { createSilence } from './silence.ts';

const clock = () => {
  let now = 5_000;
  return { steady: () => now, pass: (ms: number) => void (now += ms) };
};
const HOUR_MS = 3_600_000;

describe('how long a server has been silent', () => {
  it('begins with the first try and ends with every answer', () => {
    const { steady, pass } = clock();
    const silence = createSilence(undefined, 1_000_000, steady);
    pass(700);
    expect(silence.silentMs()).toBe(700);
    silence.answered();
    pass(300);
    expect(silence.silentMs()).toBe(300);
    expect(silence.nowMs()).toBe(1_001_000);
  });

  it('goes on over tries and the pauses between them', () => {
    const { steady, pass } = clock();
    const earlier = { silentMs: 4_000, atMs: 1_000_000 };
    const silence = createSilence(earlier, 1_005_000, steady);
    pass(500);
    expect(silence.silentMs()).toBe(9_500);
  });

  it.each([
    ['ahead', HOUR_MS, 15_000],
    ['behind', -HOUR_MS, 0],
  ])('hardly grows when the clock jumps %s between two tries', (_where, jumpMs, countedMs) => {
    const silence = createSilence({ silentMs: 100, atMs: 0 }, jumpMs, clock().steady);
    expect(silence.silentMs()).toBe(100 + countedMs);
  });

  it('begins anew after a heartbeat of a release that noted something else', () => {
    const noted = { lastAnswerMs: 0, fraction: 0.5 } as object;
    expect(createSilence(noted, HOUR_MS, clock().steady).silentMs()).toBe(0);
  });
});
