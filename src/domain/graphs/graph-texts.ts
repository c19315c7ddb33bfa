/** Texts in the inputs of a graph. Pure. */
import type { Graph } from './graph.ts';

/** Where a text stands. */
export interface TextPlace {
  readonly nodeId: string;
  readonly classType: string;
  /** Name of the input, and of members inside it. */
  readonly input: readonly string[];
}

type Change = (text: string, place: TextPlace) => string;

const changed = (value: unknown, place: TextPlace, change: Change): unknown => {
  if (typeof value === 'string') return change(value, place);
  // Lists are links.
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      changed(inner, { ...place, input: [...place.input, name] }, change),
    ]),
  );
};

/** The graph with every text of its inputs replaced by what `change` gives for it. */
export const mapTexts = (graph: Graph, change: Change): Graph =>
  Object.fromEntries(
    Object.entries(graph).map(([nodeId, node]) => {
      const classType = node.class_type;
      const inputs = Object.entries(node.inputs).map(([name, value]) => [
        name,
        changed(value, { nodeId, classType, input: [name] }, change),
      ]);
      return [nodeId, { ...node, inputs: Object.fromEntries(inputs) as Record<string, unknown> }];
    }),
  );

/** Calls `look` with every text. */
export const eachText = (graph: Graph, look: (text: string, place: TextPlace) => void): void => {
  mapTexts(graph, (text, place) => {
    look(text, place);
    return text;
  });
};
