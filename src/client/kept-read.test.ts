import { describe, expect, it } from 'vitest';
import { createKeptRead } from './kept-read.ts';

const counted = (options: { staleMs?: number } = {}) => {
  const state = { reads: 0, now: 0, fails: false, takes: 0 };
  const read = createKeptRead(
    async () => {
      state.reads += 1;
      await Promise.resolve();
      state.now += state.takes;
      if (state.fails) throw new Error('no database');
      return state.reads;
    },
    { keptMs: 1_000, ...options },
    () => state.now,
  );
  return { state, read };
};

describe('a kept read', () => {
  it('is shared by calls at the same time and by those soon after', async () => {
    const { state, read } = counted();
    expect(await Promise.all([read(), read(), read()])).toEqual([1, 1, 1]);
    state.now = 999;
    expect(await read()).toBe(1);
    state.now = 1_000;
    expect(await read()).toBe(2);
  });

  it('gives what it has to those who come while it is read anew, for a while', async () => {
    const { state, read } = counted({ staleMs: 3_000 });
    await read();
    state.now = 1_500;
    expect(await read()).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await read()).toBe(2);
    state.now += 3_000;
    expect(await read()).toBe(3);
  });

  it('is done less often the longer it takes', async () => {
    const { state, read } = counted();
    state.takes = 100;
    await read();
    state.now = 2_099;
    expect(await read()).toBe(1);
    state.now = 2_100;
    await read();
    expect(state.reads).toBe(2);
  });

  it('outlives reads that fail, and is tried again', async () => {
    const { state, read } = counted();
    expect(await read()).toBe(1);
    state.fails = true;
    state.now = 1_000;
    expect(await read()).toBe(1);
    state.fails = false;
    state.now = 2_000;
    expect(await read()).toBe(3);
  });

  it('fails while nothing was ever read', async () => {
    const { state, read } = counted();
    state.fails = true;
    await expect(read()).rejects.toThrow('no database');
    state.fails = false;
    expect(await read()).toBe(2);
  });
});
