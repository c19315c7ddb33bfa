/** Reads a ComfyUI graph in API format as clients send it. Pure. */
import { isLink, type Graph, type GraphNode } from './graph.ts';
import { findCycle } from './graph-cycle.ts';

export const MAX_GRAPH_BYTES = 4 * 1024 * 1024;
export const MAX_GRAPH_NODES = 5_000;
const MAX_NAME_LENGTH = 200;
const MAX_DEPTH = 32;
const MAX_FAULTS = 100;

export interface GraphFault {
  /** From the graph: node id, `inputs`, name of the input. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

export type ReadGraph = { readonly graph: Graph } | { readonly faults: readonly GraphFault[] };

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isDeep = (value: unknown, depth = 0): boolean => {
  if (typeof value !== 'object' || value === null) return false;
  return depth > MAX_DEPTH || Object.values(value).some((inner) => isDeep(inner, depth + 1));
};

/**
 * The graph with ComfyUI's own spelling of its members, or everything that is wrong with it: shape, limits, links that
 * lead nowhere, cycles. Which classes and values a server takes is not looked at here.
 */
export function readGraph(value: unknown): ReadGraph {
  const whole = wholeFault(value);
  if (whole !== undefined || !isObject(value))
    return { faults: [{ path: [], message: whole ?? '' }] };
  const faults: GraphFault[] = [];
  const nodes = Object.entries(value).map(([nodeId, node]) => {
    const read = readNode(nodeId, node);
    if ('class_type' in read) return [nodeId, read] as const;
    faults.push(read);
    return [nodeId, { class_type: '', inputs: {} }] as const;
  });
  const graph: Graph = Object.fromEntries(nodes);
  for (const [nodeId, { inputs }] of nodes) faults.push(...linkFaults(nodeId, inputs, graph));
  if (faults.length > 0) return { faults: faults.slice(0, MAX_FAULTS) };
  const cycle = findCycle(graph);
  if (cycle === undefined) return { graph };
  const message = `the nodes lead back to themselves: ${cycle.map(shownId).join(' → ')}; a graph may have no cycles`;
  return { faults: [{ path: [cycle[0] ?? ''], message }] };
}

function wholeFault(value: unknown): string | undefined {
  const shape = 'expected a graph in API format, an object of node ids and nodes';
  if (!isObject(value)) return shape;
  const ids = Object.keys(value);
  if (Array.isArray(value['nodes']) && Array.isArray(value['links']))
    return `${shape}; this is a workflow of the editor: export it with “Export (API)”`;
  if (ids.length === 0) return `${shape}; it has no nodes`;
  if (ids.length > MAX_GRAPH_NODES)
    return `has ${ids.length} nodes; at most ${MAX_GRAPH_NODES} are taken`;
  if (isDeep(value)) return `is nested deeper than ${MAX_DEPTH} levels`;
  const bytes = new TextEncoder().encode(JSON.stringify(value)).length;
  return bytes > MAX_GRAPH_BYTES
    ? `has ${bytes} bytes; at most ${MAX_GRAPH_BYTES} are taken`
    : undefined;
}

/** `class_type` and `_meta` are what ComfyUI says, `classType` and `meta` what Civitai's schema does. */
function readNode(nodeId: string, node: unknown): GraphNode | GraphFault {
  const fault = (path: readonly string[], message: string): GraphFault => ({
    path: [nodeId, ...path],
    message,
  });
  if (nodeId === '' || nodeId.length > MAX_NAME_LENGTH)
    return fault([], `expected a node id of 1 to ${MAX_NAME_LENGTH} characters`);
  if (!isObject(node)) return fault([], 'expected a node: an object with class_type and inputs');
  const name = node['class_type'] ?? node['classType'];
  if (typeof name !== 'string' || name === '' || name.length > MAX_NAME_LENGTH)
    return fault(['class_type'], 'expected the name of a node class');
  const inputs = node['inputs'] ?? {};
  if (!isObject(inputs)) return fault(['inputs'], 'expected an object of inputs');
  const meta = node['_meta'] ?? node['meta'];
  const title = isObject(meta) && typeof meta['title'] === 'string' ? meta['title'] : undefined;
  return {
    class_type: name,
    inputs,
    ...(title === undefined ? {} : { _meta: { title } }),
  };
}

const shownId = (id: string): string => JSON.stringify(id.length > 40 ? `${id.slice(0, 40)}…` : id);

/** A list is always a link to ComfyUI (execution.py, validate_inputs). */
function linkFaults(
  nodeId: string,
  inputs: Readonly<Record<string, unknown>>,
  graph: Graph,
): GraphFault[] {
  return Object.entries(inputs).flatMap(([input, value]) => {
    if (!Array.isArray(value)) return [];
    const message = linkFault(value, graph);
    return message === undefined ? [] : [{ path: [nodeId, 'inputs', input], message }];
  });
}

function linkFault(value: unknown, graph: Graph): string | undefined {
  if (!isLink(value)) return 'expected a link, [node id as a text, number of its output]';
  const [target, slot] = value;
  if (!Object.hasOwn(graph, target))
    return `links to node ${shownId(target)}, which the graph does not have`;
  return Number.isSafeInteger(slot) && slot >= 0
    ? undefined
    : `links to output ${slot} of node ${shownId(target)}; expected a whole number from 0`;
}
