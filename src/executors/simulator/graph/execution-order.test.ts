import { describe, expect, it } from 'vitest';
import { createExecutionOrder } from './execution-order.ts';
import type { RawGraph } from './prompt-graph.ts';

const graph: RawGraph = {
  load: { class_type: 'Load', inputs: {} },
  a: { class_type: 'Work', inputs: { in: ['load', 0] } },
  b: { class_type: 'Work', inputs: { in: ['a', 0], also: ['load', 1] } },
  early: { class_type: 'Output', inputs: { in: ['a', 0] } },
  late: { class_type: 'Output', inputs: { in: ['b', 0] } },
  unused: { class_type: 'Work', inputs: {} },
};

const runAll = (cached: readonly string[] = []): string[] => {
  const order = createExecutionOrder(graph, ['late', 'early'], {
    isCached: (id) => cached.includes(id),
    isOutput: (id) => (graph[id] as { class_type: string }).class_type === 'Output',
  });
  const ran: string[] = [];
  for (let id = order.next(); id !== undefined; id = order.next()) {
    ran.push(id);
    order.done(id);
  }
  return ran;
};

describe('execution order', () => {
  it('follows the links, shows an output as soon as it can and leaves out what no output needs', () => {
    expect(runAll()).toEqual(['load', 'a', 'early', 'b', 'late']);
  });

  it('stops at cached nodes', () => {
    expect(runAll(['a', 'b'])).toEqual(['late', 'early']);
  });

  it('throws on a cycle', () => {
    const circle: RawGraph = {
      x: { class_type: 'Output', inputs: { in: ['y', 0] } },
      y: { class_type: 'Work', inputs: { in: ['x', 0] } },
    };
    const order = createExecutionOrder(circle, ['x'], {
      isCached: () => false,
      isOutput: () => false,
    });
    expect(() => order.next()).toThrow('cycle');
  });
});
