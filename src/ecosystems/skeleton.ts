/** Skeletons: graphs in which `"{{name}}"` stands for a value, a link included. */
import type { Graph } from '../domain/graphs/graph.ts';
import { OrchestratorError } from '../errors.ts';

/** Output `slot` of a node. */
export type Link = readonly [nodeId: string, slot: number];

export type HoleValue = string | number | boolean | Link;

const HOLE = /^\{\{([a-zA-Z0-9]+)\}\}$/;

const broken = (message: string): OrchestratorError =>
  new OrchestratorError(
    'internal',
    `${message} This is a fault of the skeleton, not of the request.`,
  );

const holeName = (value: unknown): string | undefined =>
  typeof value === 'string' ? HOLE.exec(value)?.[1] : undefined;

/**
 * Puts values into the holes of a skeleton; what a value holds is never read as a hole.
 * Throws `internal` for a hole without a value and for a value without a hole.
 */
export const fillSkeleton = (
  skeleton: Graph,
  values: Readonly<Record<string, HoleValue>>,
): Graph => {
  const filled = new Set<string>();
  const fill = (nodeId: string, input: string, held: unknown): unknown => {
    const name = holeName(held);
    if (name === undefined) return held;
    if (!Object.hasOwn(values, name)) {
      throw broken(`Input ${nodeId}.${input} waits for {{${name}}}, which has no value.`);
    }
    filled.add(name);
    return values[name];
  };
  const graph = Object.fromEntries(
    Object.entries(skeleton).map(([nodeId, node]) => [
      nodeId,
      {
        ...node,
        inputs: Object.fromEntries(
          Object.entries(node.inputs).map(([input, held]) => [input, fill(nodeId, input, held)]),
        ),
      },
    ]),
  );
  const unknown = Object.keys(values).filter((name) => !filled.has(name));
  if (unknown.length > 0) throw broken(`No input waits for {{${unknown.join('}}, {{')}}}.`);
  return graph;
};

const isLink = (value: unknown): value is Link =>
  Array.isArray(value) && value.length === 2 && typeof value[0] === 'string';

/** The same nodes under ids that start with a prefix, so that a skeleton can stand in a graph more than once. */
export const prefixIds = (skeleton: Graph, prefix: string): Graph => {
  const renamed = (id: string): string => `${prefix}-${id}`;
  const linked = (held: unknown): unknown =>
    isLink(held) && Object.hasOwn(skeleton, held[0]) ? [renamed(held[0]), held[1]] : held;
  return Object.fromEntries(
    Object.entries(skeleton).map(([nodeId, node]) => {
      const inputs = Object.entries(node.inputs).map(
        ([input, held]) => [input, linked(held)] as const,
      );
      return [renamed(nodeId), { ...node, inputs: Object.fromEntries(inputs) }];
    }),
  );
};

/** A graph without the nodes that a node of it does not need. */
export const neededFor = (graph: Graph, nodeId: string): Graph => {
  const needed = new Set<string>();
  const visit = (id: string): void => {
    const node = graph[id];
    if (node === undefined || needed.has(id)) return;
    needed.add(id);
    for (const value of Object.values(node.inputs)) if (isLink(value)) visit(value[0]);
  };
  visit(nodeId);
  return Object.fromEntries(Object.entries(graph).filter(([id]) => needed.has(id)));
};

/** Places skeletons in a graph, all with the same prefix or none. */
export interface Fragments {
  fill(skeleton: Graph, values: Readonly<Record<string, HoleValue>>): Graph;
  /** First output of a node that was placed with it. */
  link(nodeId: string): Link;
}

export const fragmentsFor = (prefix?: string): Fragments => ({
  fill: (skeleton, values) =>
    fillSkeleton(prefix === undefined ? skeleton : prefixIds(skeleton, prefix), values),
  link: (nodeId) => [prefix === undefined ? nodeId : `${prefix}-${nodeId}`, 0],
});
