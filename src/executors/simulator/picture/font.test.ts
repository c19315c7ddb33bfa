import { describe, expect, it } from 'vitest';
import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphInk, toPrintable, wrapText } from './font.ts';

const drawn = (letter: string): string =>
  Array.from({ length: GLYPH_HEIGHT }, (_row, y) =>
    Array.from({ length: GLYPH_WIDTH }, (_column, x) =>
      glyphInk(letter.charCodeAt(0), x, y) ? '#' : '.',
    ).join(''),
  ).join('\n');

describe('the font', () => {
  it('draws letters that can be read', () => {
    expect(drawn('E')).toBe(
      ['#####', '#....', '#....', '####.', '#....', '#....', '#####'].join('\n'),
    );
  });

  it('has ink for every printable character but the space, each its own', () => {
    const all = Array.from({ length: 94 }, (_unused, i) => drawn(String.fromCharCode(0x21 + i)));
    expect(all.every((glyph) => glyph.includes('#'))).toBe(true);
    expect(new Set(all).size).toBe(94);
  });

  it('shows what it has no glyph for as plain letters or a question mark', () => {
    expect(toPrintable('Café\n  crème 東京')).toBe('Cafe creme ?');
  });

  it('wraps at spaces, cuts long words and marks what did not fit', () => {
    expect(wrapText('one two three', 8, 3)).toEqual(['one two', 'three']);
    expect(wrapText('abcdefghijkl', 5, 3)).toEqual(['abcde', 'fghij', 'kl']);
    expect(wrapText('one two three four', 8, 2)).toEqual(['one two', 'three...']);
    expect(wrapText('', 8, 2)).toEqual([]);
  });
});
