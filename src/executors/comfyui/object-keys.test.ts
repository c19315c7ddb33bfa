import { describe, expect, it } from 'vitest';
import { createKeyScan } from './object-keys.ts';

const keysOf = (text: string, pieceLength: number): readonly string[] | undefined => {
  const scan = createKeyScan();
  for (let at = 0; at < text.length; at += pieceLength) scan.feed(text.slice(at, at + pieceLength));
  return scan.keys();
};

describe('the names of an object', () => {
  const object = {
    KSampler: { input: { required: { 'a"b': ['x', { y: [] }] } }, name: 'KSampler' },
    'Quote " and \\ and é 风': 'a text: {"no": 1}, "no"',
    list: [{ no: 1 }, 'no'],
    empty: {},
    last: null,
  };

  it.each([1, 2, 3, 7, 1_000])('are found in pieces of %i characters', (pieceLength) => {
    for (const text of [JSON.stringify(object), ` ${JSON.stringify(object, null, 2)}\n`])
      expect(keysOf(text, pieceLength)).toEqual(Object.keys(object));
    expect(keysOf('{}', pieceLength)).toEqual([]);
  });

  it.each([
    '<html>log in</html>',
    '["a"]',
    'null',
    '',
    JSON.stringify(object).slice(0, -1),
    '{"a":1}{"b":2}',
    '"text"',
  ])('are not in %j', (text) => {
    expect(keysOf(text, 3)).toBeUndefined();
  });

  it('stay few and short: a name without an end fills no memory, too many are refused', () => {
    expect(keysOf(`{"${'a'.repeat(100_000)}":1,"b":2}`, 10_000)).toEqual(['b']);
    const many = Object.fromEntries(Array.from({ length: 50_001 }, (_, index) => [`n${index}`, 1]));
    expect(keysOf(JSON.stringify(many), 100_000)).toBeUndefined();
  });
});
