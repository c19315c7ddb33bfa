import { describe, expect, it } from 'vitest';
import { readTextResult } from './text-result.ts';

describe('the text of a node', () => {
  it.each([
    ['long_hair, 1girl', { long_hair: 0.4, '1girl': 0.4 }],
    ['star_\\(sky\\), 1girl, ', { 'star_(sky)': 0.4, '1girl': 0.4 }],
    [' , ,, ', {}],
    ['', {}],
    ['constructor', { constructor: 0.4 }],
  ])('%j is read as tags, each with the least confidence it has', (text, tags) => {
    expect(readTextResult({ kind: 'tags', threshold: 0.4 }, text)).toEqual({ tags });
  });

  it('is a caption without the marks of its padding', () => {
    expect(readTextResult({ kind: 'caption' }, 'A fox.<pad><pad>\n')).toEqual({
      caption: 'A fox.',
    });
  });

  it('is an embedding when it is one list of numbers under a name', () => {
    expect(readTextResult({ kind: 'embedding' }, '{"vit.safetensors": [0.5, -1e-3]}')).toEqual({
      embedding: [0.5, -0.001],
      embeddingModel: 'vit.safetensors',
    });
  });

  it.each([
    ...['', '[]', '{}', '[1]', 'null', '{"a": []}', '{"a": [1], "b": [2]}', '{"a": 1}'],
    ...['{"a": [[1], [2]]}', '{"a": ["1"]}', '{"a": [1e999]}', '<Output object at 0x7f>'],
    JSON.stringify({ a: Array.from({ length: 16_385 }, () => 0) }),
  ])('%.40s is no embedding', (text) => {
    expect(readTextResult({ kind: 'embedding' }, text)).toBeUndefined();
  });
});
