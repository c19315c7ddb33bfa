import { createHash } from 'node:crypto';
import { isLink, nodeOf, type RawGraph } from './prompt-graph.ts';

/** Hex digest of any JSON value; equal values give equal digests. BigInts count by their digits. */
export const digestOf = (...parts: readonly unknown[]): string =>
  createHash('sha256')
    .update(
      JSON.stringify(parts, (_key, value: unknown) =>
        typeof value === 'bigint' ? `${value}n` : value,
      ),
    )
    .digest('hex');

/**
 * What a node's result depends on: class, literals, sources' signatures and, for files, their content.
 * Node ids do not count. Links to nowhere and cycles get a signature too: cached nodes are listed for the whole graph.
 */
export const signaturesOf = (
  graph: RawGraph,
  contentOf: (classType: string, inputs: Record<string, unknown>) => string,
): Map<string, string> => {
  const signatures = new Map<string, string>();
  const visit = (id: string, path: ReadonlySet<string>): string => {
    const known = signatures.get(id);
    if (known !== undefined) return known;
    const node = nodeOf(graph, id);
    if (!node || path.has(id)) return `no node ${id}`;
    const inside = new Set(path).add(id);
    const inputs = Object.entries(node.inputs ?? {})
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) =>
        isLink(value) ? [name, 'link', visit(value[0], inside), value[1]] : [name, value],
      );
    const signature = digestOf(node.class_type, inputs, contentOf(node.class_type, node.inputs));
    signatures.set(id, signature);
    return signature;
  };
  for (const id of Object.keys(graph)) visit(id, new Set());
  return signatures;
};
