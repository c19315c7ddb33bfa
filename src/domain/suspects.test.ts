import { describe, expect, it } from 'vitest';
import { serversToTry } from './suspects.ts';

const pool = new Set(['a', 'b', 'c', 'd']);
const tried = (...suspectedOf: string[]): string[] => [...serversToTry(pool, suspectedOf)];

describe('the servers that a job may try', () => {
  it('are all of them at first', () => {
    expect(serversToTry(pool)).toBe(pool);
    expect(tried()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('are the others after it went down with one, or that one where there is no other', () => {
    expect(tried('b')).toEqual(['a', 'c', 'd']);
    expect([...serversToTry(new Set(['b']), ['b'])]).toEqual(['b']);
  });

  it('are only those two after it went down with a second: it takes no further one down', () => {
    expect(tried('b', 'c')).toEqual(['b', 'c']);
    expect(tried('b', 'gone')).toEqual(['b']);
    expect(tried('b', 'c', 'd')).toEqual(['b', 'c', 'd']);
  });
});
