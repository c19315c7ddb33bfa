import { describe, expect, it } from 'vitest';
import { createExecutionCache } from './execution-cache.ts';

describe('the execution cache', () => {
  it('keeps results that the next prompt uses and drops the others', () => {
    const cache = createExecutionCache();
    cache.put('a', { outputs: [1], ui: undefined });
    cache.put('b', { outputs: [2], ui: undefined });
    cache.keepOnly(['b', 'c']);
    expect([cache.find('a'), cache.find('b')?.outputs, cache.find(undefined)]).toEqual([
      undefined,
      [2],
      undefined,
    ]);
    cache.clear();
    expect(cache.find('b')).toBeUndefined();
  });
});
