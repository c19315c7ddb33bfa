import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonErrorOffset } from './json-position.ts';

describe('the position of a JSON error', () => {
  it.each([
    ['{"a": }', 6],
    ['{"a" 1}', 5],
    ['[1,]', 3],
    ['[1 2]', 3],
    ['{"a":1,}', 7],
    ['{a:1}', 1],
    ["{'a':1}", 1],
    ['"open', 0],
    ['01', 0],
    ['nul', 0],
    ['[1', 2],
    ['{"a":1} x', 8],
    ['', 0],
    ['"bad \\x escape"', 0],
  ])('of %j is %i', (text, offset) => {
    expect(() => JSON.parse(text) as unknown).toThrow();
    expect(jsonErrorOffset(text)).toBe(offset);
  });

  it('lies at or before the first change made to good JSON, or is not needed', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.nat(),
        fc.string({ minLength: 1, maxLength: 1 }),
        (good, at, char) => {
          const index = at % (good.length + 1);
          const text = good.slice(0, index) + char + good.slice(index);
          let isValid = true;
          try {
            JSON.parse(text);
          } catch {
            isValid = false;
          }
          const offset = jsonErrorOffset(text);
          expect(offset).toBeLessThanOrEqual(text.length);
          if (isValid) expect(offset).toBe(text.length);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is found in large texts', () => {
    const text = `["${'x'.repeat(5_000_000)}\\n", ${'[1,'.repeat(100_000)}`;
    expect(jsonErrorOffset(text)).toBe(text.length);
  });
});
