import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_GRAPH_BYTES, readGraph } from './read-graph.ts';

const node = (inputs: Record<string, unknown> = {}, class_type = 'X') => ({ class_type, inputs });

const faults = (value: unknown): string => {
  const read = readGraph(value);
  if ('graph' in read) throw new Error('nothing is wrong with it');
  return read.faults.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n');
};

describe('a graph', () => {
  it('is read in either spelling of its members and keeps the order of its nodes', () => {
    const read = readGraph({
      last: { classType: 'SaveImage', inputs: { images: ['first', 0] }, meta: { title: 'out' } },
      first: { class_type: 'LoadImage', inputs: { image: 'a.png' }, _meta: {}, is_changed: 1 },
    });
    expect(read).toEqual({
      graph: {
        last: {
          class_type: 'SaveImage',
          inputs: { images: ['first', 0] },
          _meta: { title: 'out' },
        },
        first: { class_type: 'LoadImage', inputs: { image: 'a.png' } },
      },
    });
    expect('graph' in read && Object.keys(read.graph)).toEqual(['last', 'first']);
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'expected a graph in API format'],
    ['a list', [], 'expected a graph in API format'],
    ['an empty object', {}, 'it has no nodes'],
    ['a workflow of the editor', { nodes: [], links: [] }, 'Export (API)'],
    ['a node that is none', { a: 7 }, 'a: expected a node'],
    ['a node without a class', { a: { inputs: {} } }, 'a.class_type: expected the name'],
    ['inputs that are a list', { a: { class_type: 'X', inputs: [] } }, 'a.inputs: expected an obj'],
    ['a link to a missing node', { a: node({ x: ['b', 0] }) }, 'a.inputs.x: links to node "b"'],
    ['a link by number', { 4: node({ x: [4, 0] }) }, '4.inputs.x: expected a link'],
    ['a link of three', { a: node({ x: ['a', 0, 1] }) }, 'a.inputs.x: expected a link'],
    [
      'half an output',
      { a: node(), b: node({ x: ['a', 0.5] }) },
      'b.inputs.x: links to output 0.5',
    ],
    ['an output below 0', { a: node(), b: node({ x: ['a', -1] }) }, 'links to output -1'],
    ['a node that leads to itself', { a: node({ x: ['a', 0] }) }, '"a" → "a"'],
    [
      'a cycle behind other nodes',
      {
        a: node({ x: ['b', 0] }),
        b: node({ x: ['c', 0], y: ['d', 0] }),
        c: node({ x: ['b', 1] }),
        d: node(),
      },
      '"b" → "c" → "b"',
    ],
    ['a name that every object has', { a: node({ x: ['toString', 0] }) }, 'links to node "toStr'],
    [
      'inputs that never end',
      { a: node({ x: JSON.parse('{"a":'.repeat(60) + '1' + '}'.repeat(60)) as object }) },
      'nested deeper',
    ],
    [
      '5,001 nodes',
      Object.fromEntries(Array.from({ length: 5_001 }, (_, id) => [id, node()])),
      'has 5001 nodes; at most 5000',
    ],
    ['4 MB', { a: node({ text: 'x'.repeat(MAX_GRAPH_BYTES) }) }, 'bytes; at most 4194304'],
  ])('with %s is refused in words', (_what, value, message) => {
    expect(faults(value)).toContain(message);
  });

  it('of 5,000 nodes in a row is read, forwards and backwards', () => {
    const row = (next: (id: number) => number) =>
      Object.fromEntries(
        Array.from({ length: 5_000 }, (_, id) => [
          id,
          node(next(id) in Array(5_000).fill(0) ? { x: [String(next(id)), 0] } : {}),
        ]),
      );
    expect('graph' in readGraph(row((id) => id + 1))).toBe(true);
    expect('graph' in readGraph(row((id) => id - 1))).toBe(true);
  });

  it('of whatever shape never makes the reader fail', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const read = readGraph(value);
        if ('faults' in read) expect(read.faults.length).toBeGreaterThan(0);
      }),
    );
  });
});
