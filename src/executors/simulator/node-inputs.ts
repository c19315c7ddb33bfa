import type { CachedNode } from './execution-cache.ts';
import { declaredInputs, type NodeDefinition } from './graph/node-definitions.ts';
import { isLink, nodeOf, type RawGraph } from './graph/prompt-graph.ts';
import type { NodeInputs } from './nodes/node-context.ts';
import type { NodeValue } from './nodes/values.ts';

/** The declared inputs of a node with links resolved; what the class does not declare never reaches it. */
export const nodeInputs = (
  graph: RawGraph,
  id: string,
  definition: NodeDefinition,
  resultOf: (sourceId: string) => CachedNode | undefined,
): NodeInputs => {
  const given = nodeOf(graph, id)?.inputs ?? {};
  const inputs: Record<string, NodeValue | undefined> = {};
  for (const { name } of declaredInputs(definition)) {
    if (!Object.hasOwn(given, name)) continue;
    const value = given[name];
    inputs[name] = isLink(value)
      ? resultOf(value[0])?.outputs.at(value[1])
      : (value as NodeValue | undefined);
  }
  return inputs;
};
