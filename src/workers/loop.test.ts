import { describe, expect, it } from 'vitest';
import type { Logger } from '../ports.ts';
import { silentLogger } from '../telemetry.ts';
import { createLoop, type LoopOptions } from './loop.ts';

const HOUR_MS = 3_600_000;
const start = (change: Partial<LoopOptions> & Pick<LoopOptions, 'pass'>) =>
  createLoop({ name: 'test', pollMs: HOUR_MS, logger: silentLogger, ...change });

/** Resolves at the n-th call. */
function counter(pass: (count: number) => Promise<void> = () => Promise.resolve()) {
  let count = 0;
  const waiting = new Map<number, () => void>();
  return {
    pass: async (): Promise<void> => {
      count += 1;
      waiting.get(count)?.();
      await pass(count);
    },
    count: () => count,
    reached: (n: number): Promise<void> =>
      count >= n ? Promise.resolve() : new Promise((resolve) => waiting.set(n, resolve)),
  };
}

describe('a loop', () => {
  it('tells a long pass that it is closing', async () => {
    let started: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (started = resolve));
    const loop = start({
      pass: async (closing) => {
        started();
        await new Promise((resolve) => closing.addEventListener('abort', resolve));
      },
    });
    await begun;
    await loop.close();
  });

  it('makes a pass at once and then every poll', async () => {
    const passes = counter();
    const loop = start({ pass: passes.pass, pollMs: 1 });
    await passes.reached(4);
    await loop.close();
  });

  it('makes a pass when woken, one at a time, and one more for all wake-ups meanwhile', async () => {
    let release: () => void = () => undefined;
    let underWay = 0;
    let most = 0;
    const passes = counter(async (count) => {
      most = Math.max(most, (underWay += 1));
      if (count === 1) await new Promise<void>((resolve) => (release = resolve));
      underWay -= 1;
    });
    let wake: () => void = () => undefined;
    const loop = start({
      pass: passes.pass,
      subscribe: (listener) => {
        wake = listener;
        return () => undefined;
      },
    });
    for (let n = 0; n < 5; n += 1) wake();
    release();
    await passes.reached(2);
    await loop.close();
    expect({ count: passes.count(), most }).toEqual({ count: 2, most: 1 });
  });

  it('goes on after a pass that failed, and warns once until one succeeds', async () => {
    const lines: string[] = [];
    const logger: Logger = {
      ...silentLogger,
      warn: (_fields, message) => void lines.push(`warn ${message}`),
      debug: (_fields, message) => void lines.push(`debug ${message}`),
    };
    const passes = counter((count) =>
      [1, 2, 4].includes(count) ? Promise.reject(new Error('no')) : Promise.resolve(),
    );
    const loop = start({ pass: passes.pass, pollMs: 1, logger });
    await passes.reached(5);
    await loop.close();
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['warn', 'debug', 'warn']);
    expect(lines[0]).toBe('warn test: pass failed; trying again every 1 ms');
  });

  it('waits for its poll when a pass fails while it is woken', async () => {
    const passes = counter(async () => {
      loop.wake();
      await Promise.reject(new Error('no'));
    });
    const loop = start({ pass: () => Promise.resolve().then(passes.pass) });
    await passes.reached(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(passes.count()).toBe(1);
    await loop.close();
  });

  it('closes after the pass under way and makes no other', async () => {
    let release: () => void = () => undefined;
    let unsubscribed = false;
    const passes = counter(() => new Promise<void>((resolve) => (release = resolve)));
    const loop = start({
      pass: passes.pass,
      subscribe: () => () => {
        unsubscribed = true;
      },
    });
    await passes.reached(1);
    let closed = false;
    const closing = loop.close().then(() => (closed = true));
    loop.wake();
    await new Promise((resolve) => setImmediate(resolve));
    expect({ closed, unsubscribed }).toEqual({ closed: false, unsubscribed: true });
    release();
    await closing;
    loop.wake();
    expect(passes.count()).toBe(1);
  });
});
