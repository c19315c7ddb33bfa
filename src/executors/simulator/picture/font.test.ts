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

  it.each([
    ['accents and line breaks', 'Café\n  crème', 'Cafe creme'],
    ['Latin letters of their own', 'Straße, smørrebrød', 'Strasse, smorrebrod'],
    ['typesetting', '“so” – he said…', '"so" - he said...'],
    ['Cyrillic', 'маяк на Скале, Щука', 'mayak na Skale, Shchuka'],
    ['Greek', 'φάρος', 'faros'],
    ['Hebrew, in reading order', 'שלום world', 'shlvm world'],
    ['Arabic, in reading order', 'مرحبا ١٢٣', 'mrhba 123'],
    ['kana', 'ラーメン が', 'ra-men ga'],
    ['Hangul', '황혼의 등대', 'hwanghonui deungdae'],
    ['Chinese characters as boxes', '東京', '\u007f\u007f'],
    ['an emoji of several code points as one box', 'a 👩‍👩‍👧 b', 'a \u007f b'],
    ['half a surrogate pair as a box', 'a\ud800b', 'a\u007fb'],
    ['no marks of direction', '\u202eevil\u202c\u200f', 'evil'],
    ['no control characters', 'a\u0000b\u001bc', 'abc'],
  ])('shows %s', (_name, text, shown) => {
    expect(toPrintable(text)).toBe(shown);
  });

  it('draws the box hollow', () => {
    expect(drawn('\u007f').split('\n').slice(0, 2)).toEqual(['#####', '#...#']);
  });

  it('takes no longer for a text of a megabyte than for its beginning', () => {
    expect(toPrintable('木'.repeat(1_000_000)).length).toBeLessThan(10_000);
  });

  it('wraps at spaces, cuts long words and marks what did not fit', () => {
    expect(wrapText('one two three', 8, 3)).toEqual(['one two', 'three']);
    expect(wrapText('abcdefghijkl', 5, 3)).toEqual(['abcde', 'fghij', 'kl']);
    expect(wrapText('one two three four', 8, 2)).toEqual(['one two', 'three...']);
    expect(wrapText('', 8, 2)).toEqual([]);
  });
});
