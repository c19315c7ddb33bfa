/** A graph as posted: nothing about it is known to be right until it was validated. */
export type RawGraph = Record<string, unknown>;

export interface RawNode {
  class_type: string;
  inputs: Record<string, unknown>;
  _meta?: { title?: string };
}

/** `[node id, output slot]`. */
export type Link = readonly [string, number];

/** A two-element list is a link; the slot may be anything a client wrote. */
export const isLink = (value: unknown): value is Link =>
  Array.isArray(value) &&
  value.length === 2 &&
  typeof value[0] === 'string' &&
  typeof value[1] === 'number';

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The node of that id; own properties only, so that `constructor` is no node. */
export const nodeOf = (graph: RawGraph, id: string): RawNode | undefined =>
  Object.hasOwn(graph, id) ? (graph[id] as RawNode) : undefined;

/** The linked inputs of a node, in the order written. */
export const linksOf = (node: RawNode): Link[] => Object.values(node.inputs).filter(isLink);
