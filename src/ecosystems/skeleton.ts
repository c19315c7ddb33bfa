/** Skeletons: graphs in which `"{{name}}"` stands for a value, a link included. */
import type { Graph } from '../domain/generation.ts';
import { OrchestratorError } from '../errors.ts';

/** Output `slot` of a node. */
export type Link = readonly [nodeId: string, slot: number];

export type HoleValue = string | number | Link;

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
