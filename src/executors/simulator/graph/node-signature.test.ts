import { describe, expect, it } from 'vitest';
import { signaturesOf } from './node-signature.ts';

const node = (class_type: string, inputs: Record<string, unknown>) => ({ class_type, inputs });

describe('node signatures', () => {
  it('depend on class, literals and what is upstream, not on ids or the order of inputs', () => {
    const one = signaturesOf(
      { a: node('Load', { file: 'x' }), b: node('Use', { in: ['a', 0], n: 1 }) },
      () => '',
    );
    const renamed = signaturesOf(
      { k: node('Load', { file: 'x' }), l: node('Use', { n: 1, in: ['k', 0] }) },
      () => '',
    );
    const other = signaturesOf(
      { a: node('Load', { file: 'y' }), b: node('Use', { in: ['a', 0], n: 1 }) },
      () => '',
    );
    expect(renamed.get('l')).toBe(one.get('b'));
    expect(other.get('b')).not.toBe(one.get('b'));
  });

  it('change with the content of a file', () => {
    const graph = { a: node('LoadImage', { image: 'x.png' }) };
    expect(signaturesOf(graph, () => 'one')).not.toEqual(signaturesOf(graph, () => 'two'));
  });

  it('survive cycles and links to nowhere', () => {
    const graph = {
      a: node('A', { in: ['b', 0] }),
      b: node('B', { in: ['a', 0], x: ['gone', 0] }),
    };
    expect(signaturesOf(graph, () => '').size).toBe(2);
  });
});
