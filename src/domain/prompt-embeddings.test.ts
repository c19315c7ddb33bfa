import { describe, expect, it } from 'vitest';
import { embeddingProblem } from './prompt-embeddings.ts';

describe('embeddingProblem', () => {
  it.each([
    'a cat',
    'embedding',
    'word embedding: a picture of vectors',
    'embedding:EasyNegative',
    'a embedding:style/name.pt, (embedding:other:1.2), [b',
    '(embedding:1.2)',
    'a,embedding:',
    'a, embedding:..name and x..y',
    'embedding:a\\(1\\)',
    'embedding:名前',
  ])('finds nothing wrong in %j', (text) => {
    expect(embeddingProblem(text)).toBeUndefined();
  });

  it.each([
    'embedding:',
    'a embedding:',
    'a\nembedding:  ',
    '(embedding:)',
    'a (b embedding:) c',
    '(embedding: :1.2)',
    'embedding: embedding:name',
  ])('refuses %j, on which ComfyUI fails', (text) => {
    expect(embeddingProblem(text)).toContain('without a name');
  });

  it.each([
    ['embedding:../../x', '../../x'],
    ['a (embedding:../x:1.2)', '../x'],
    ['a embedding:sub/../../x b', 'sub/../../x'],
    ['embedding:/etc/passwd', '/etc/passwd'],
    ['embedding:..\\x', '..\\\\x'],
    ['embedding:C:\\x', 'C:\\\\x'],
    ['x\nembedding:  ../x', '../x'],
  ])('refuses %j, which leaves the folder', (text, name) => {
    expect(embeddingProblem(text)).toContain(`"${name}"`);
    expect(embeddingProblem(text)).toContain('outside');
  });
});
