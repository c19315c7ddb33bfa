import { describe, expect, it } from 'vitest';
import { createKeptRead } from './kept-read.ts';

const counted = () => {
  const state = { reads: 0, now: 0, fails: false };
  const read = createKeptRead(
    async () => {
      state.reads += 1;
      await Promise.resolve();
      if (state.fails) throw new Error('no database');
      return state.reads;
    },
    1_000,
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
