import { describe, expect, it } from 'vitest';
import { pythonBool, pythonFloat, pythonInt, pythonRepr, pythonStr } from './python-values.ts';

describe('Python values', () => {
  it.each<[unknown, number | bigint]>([
    [3.9, 3],
    [-3.9, -3],
    [' +12 ', 12],
    ['1_000', 1000],
    [true, 1],
    ['18446744073709551615', 18446744073709551615n],
  ])('int(%j) is %s', (value, expected) => {
    expect(pythonInt(value)).toBe(expected);
  });

  it.each<[unknown, string]>([
    ['abc', "invalid literal for int() with base 10: 'abc'"],
    ['1.5', "invalid literal for int() with base 10: '1.5'"],
    [null, "not 'NoneType'"],
    [{}, "not 'dict'"],
  ])('int(%j) raises', (value, message) => {
    expect(() => pythonInt(value)).toThrow(message);
  });

  it('float() takes what Python takes', () => {
    expect([pythonFloat('1e3'), pythonFloat('.5'), pythonFloat('-inf')]).toEqual([
      1000,
      0.5,
      -Infinity,
    ]);
    expect(() => pythonFloat('1,5')).toThrow("could not convert string to float: '1,5'");
  });

  it('prints and judges values like Python', () => {
    expect(pythonRepr(['a', "it's", null, true, { x: 1 }])).toBe(
      `['a', "it's", None, True, {'x': 1}]`,
    );
    expect([pythonStr(false), pythonStr('a')]).toEqual(['False', 'a']);
    expect([pythonBool([]), pythonBool('0'), pythonBool({})]).toEqual([false, true, false]);
  });
});
