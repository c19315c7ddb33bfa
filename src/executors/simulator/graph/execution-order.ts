import { linksOf, nodeOf, type RawGraph } from './prompt-graph.ts';

export interface ExecutionOrder {
  /** The next node whose inputs are all there; undefined when nothing is left. Throws on a cycle. */
  next(): string | undefined;
  done(id: string): void;
}

/**
 * Dissolves the graph from the outputs backwards. Among ready nodes an output node goes first, then one that
 * feeds an output directly, then at one remove, else the one met first: the original's order for viewers.
 */
export const createExecutionOrder = (
  graph: RawGraph,
  outputs: readonly string[],
  deps: { isCached(id: string): boolean; isOutput(id: string): boolean },
): ExecutionOrder => {
  /** Pending node → how many of its sources are pending. Insertion order is the order met. */
  const blockCount = new Map<string, number>();
  const consumers = new Map<string, Set<string>>();

  const add = (start: string): void => {
    const stack = [start];
    const edges: [string, string][] = [];
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
      if (blockCount.has(id)) continue;
      blockCount.set(id, 0);
      consumers.set(id, new Set());
      const node = nodeOf(graph, id);
      for (const [source] of node ? linksOf(node) : []) {
        if (!nodeOf(graph, source) || deps.isCached(source)) continue;
        stack.push(source);
        edges.push([source, id]);
      }
    }
    for (const [source, id] of edges) {
      const known = consumers.get(source);
      if (!known || known.has(id)) continue;
      known.add(id);
      blockCount.set(id, (blockCount.get(id) ?? 0) + 1);
    }
  };
  for (const output of outputs) add(output);

  const feeds = (id: string, wanted: (consumer: string) => boolean): boolean =>
    [...(consumers.get(id) ?? [])].some(wanted);
  const preferences: readonly ((id: string) => boolean)[] = [
    deps.isOutput,
    (id) => feeds(id, deps.isOutput),
    (id) => feeds(id, (consumer) => feeds(consumer, deps.isOutput)),
  ];

  return {
    next: () => {
      if (blockCount.size === 0) return undefined;
      const ready = [...blockCount].filter(([, count]) => count === 0).map(([id]) => id);
      if (ready.length === 0) throw new Error('Dependency cycle detected');
      for (const preferred of preferences) {
        const id = ready.find(preferred);
        if (id !== undefined) return id;
      }
      return ready[0];
    },
    done: (id) => {
      blockCount.delete(id);
      for (const consumer of consumers.get(id) ?? []) {
        blockCount.set(consumer, (blockCount.get(consumer) ?? 1) - 1);
      }
      consumers.delete(id);
    },
  };
};
