import { describe, expect, it } from 'vitest';
import { parseWide, stringifyWide } from './wide-json.ts';

describe('wide JSON', () => {
  it('keeps integers beyond 2^53 exactly, there and back', () => {
    const text = '{"seed":18446744073709551615,"list":[-9223372036854775808,1],"x":1.5}';
    expect(parseWide(text)).toEqual({
      seed: 18446744073709551615n,
      list: [-9223372036854775808n, 1],
      x: 1.5,
    });
    expect(stringifyWide(parseWide(text))).toBe(text);
  });

  it('leaves digits in strings, fractions and exponents alone', () => {
    const value = { 'a "12345678901234567890': '12345678901234567890', b: 1.2345678901234567e21 };
    expect(parseWide(JSON.stringify(value))).toEqual(value);
    expect(parseWide('[12345678901234567890.5, 12345678901234567890e2]')).toEqual([
      12345678901234567890.5, 12345678901234567890e2,
    ]);
  });

  it('throws on malformed text', () => {
    expect(() => parseWide('{"a": 12345678901234567890')).toThrow(SyntaxError);
  });
});
