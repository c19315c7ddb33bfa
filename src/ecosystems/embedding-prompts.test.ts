import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placeEmbeddings } from './embedding-prompts.ts';
import type { ResolvedNetwork } from './resolved-files.ts';

const embedding = (name: string, triggerWord?: string, strength = 1): ResolvedNetwork => ({
  kind: 'embedding',
  name,
  strength,
  ...(triggerWord === undefined ? {} : { triggerWord }),
});

const EASY = embedding('EasyNegative');

const positive = (prompt: string, ...networks: ResolvedNetwork[]): string =>
  placeEmbeddings({ prompt, negativePrompt: '' }, networks).prompt;

describe('placeEmbeddings', () => {
  it('rewrites the trigger word where it stands, in the negative prompt too', () => {
    expect(
      placeEmbeddings({ prompt: 'a cat', negativePrompt: 'blurry, easynegative' }, [EASY]),
    ).toEqual({ prompt: 'a cat', negativePrompt: 'blurry, embedding:EasyNegative' });
  });

  it.each([
    ['mystyle', 'embedding:file'],
    ['a cat, MyStyle, red', 'a cat, embedding:file, red'],
    ['a cat,mystyle', 'a cat, embedding:file'],
    ['a\nmystyle b', 'a\nembedding:file b'],
    ['a\tmystyle', 'a\t embedding:file'],
    ['(mystyle:1.2)', '( embedding:file:1.2)'],
    ['(mystyle)', '( embedding:file)'],
    ['mystyle:1.2', 'embedding:file :1.2'],
    ['mystyle. And', 'embedding:file . And'],
    ['[mystyle]', '[ embedding:file ]'],
    ['<lora:x:1> mystyle BREAK', '<lora:x:1> embedding:file BREAK'],
  ])('%j becomes %j', (prompt, expected) => {
    expect(positive(prompt, embedding('file', 'mystyle'))).toBe(expected);
  });

  it('leaves words alone that only contain the trigger', () => {
    expect(positive('mystyles mystyle-2 nomystyle', embedding('file', 'mystyle'))).toBe(
      'mystyles mystyle-2 nomystyle, embedding:file',
    );
  });

  it('appends what no prompt calls, and starts an empty prompt with it', () => {
    expect(positive('a cat', EASY)).toBe('a cat, embedding:EasyNegative');
    expect(positive('', EASY)).toBe('embedding:EasyNegative');
  });

  it('keeps an embedding that the client wrote in ComfyUI form and does not append it again', () => {
    expect(positive('a embedding:EasyNegative b', EASY)).toBe('a embedding:EasyNegative b');
    expect(positive('embedding:sub/easynegative.pt', EASY)).toBe('embedding:sub/easynegative.pt');
  });

  it('writes a strength as a weight', () => {
    expect(positive('x mystyle y', embedding('file', 'mystyle', 0.8))).toBe(
      'x (embedding:file:0.8) y',
    );
    expect(positive('x', embedding('file', 'mystyle', -0.5))).toBe('x, (embedding:file:-0.5)');
  });

  it('does not find a shorter trigger inside a longer one or inside what was written', () => {
    expect(positive('neg hand, neg', embedding('a', 'neg'), embedding('neg', 'neg hand'))).toBe(
      'embedding:neg, embedding:a',
    );
  });

  it('spells names so that ComfyUI can read them', () => {
    expect(positive('', embedding('sub\\name'))).toBe('embedding:sub/name');
    expect(positive('', embedding('9208'))).toBe('embedding:./9208');
    expect(positive('', embedding('1e5'))).toBe('embedding:./1e5');
    expect(positive('', embedding('a(1)'))).toBe('embedding:a\\(1\\)');
    expect(() => positive('', embedding('my face.pt'))).toThrow(/Rename the file/);
  });

  it('takes triggers with characters that mean something in a pattern', () => {
    expect(positive('a c++ (b) d', embedding('file', 'c++'))).toBe('a embedding:file (b) d');
  });

  it('touches nothing without embeddings', () => {
    const prompts = { prompt: 'a [b] <lora:c:1>', negativePrompt: 'BREAK' };
    expect(placeEmbeddings(prompts, [{ kind: 'lora', name: 'a', strength: 1 }])).toEqual(prompts);
  });

  it('always puts the name where ComfyUI finds it', () => {
    const text = fc
      .array(fc.constantFrom('mystyle', 'a', ' ', ',', '.', '\n', '(', ')', ':', '1.2', '[', ']'))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, (prompt) => {
        const written = positive(prompt, embedding('file', 'mystyle'));
        expect(written).toMatch(/embedding:file/);
        expect(written).not.toMatch(/[^ \n]embedding:/);
      }),
    );
  });
});
