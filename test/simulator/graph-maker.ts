/** Makes a small valid graph around any node class, from nothing but the definitions of `/object_info`. */
import type {
  InputSpec,
  NodeDefinition,
} from '../../src/executors/simulator/graph/node-definitions.ts';
import { declaredInputs } from '../../src/executors/simulator/graph/node-definitions.ts';
import type { TestGraph } from './simulator-session.ts';

export type ObjectInfo = Readonly<Record<string, NodeDefinition>>;

const WIDGETS = new Set(['INT', 'FLOAT', 'STRING', 'BOOLEAN', 'COMBO']);

/** True for an input that takes a literal. */
export const isWidget = (spec: InputSpec): boolean =>
  typeof spec[0] !== 'string' || WIDGETS.has(spec[0]);

/** The choices of a combo of either shape; undefined for other inputs. */
export const choicesOf = (spec: InputSpec): readonly unknown[] | undefined => {
  if (typeof spec[0] !== 'string') return spec[0];
  const options = spec[1]?.['options'];
  if (spec[0] !== 'COMBO') return undefined;
  return Array.isArray(options) ? options : [];
};

const literalFor = (spec: InputSpec): unknown => {
  const choices = choicesOf(spec);
  if (choices) return choices[0];
  const given = spec[1]?.['default'];
  if (given !== undefined) return given;
  if (spec[0] === 'BOOLEAN') return false;
  return spec[0] === 'STRING' ? 'words' : Math.max(0, Number(spec[1]?.['min'] ?? 0));
};

interface Source {
  readonly classType: string;
  readonly slot: number;
  readonly cost: number;
}

/** Inputs a graph must give. A combo without choices can have no valid value. */
const neededInputs = (definition: NodeDefinition) =>
  declaredInputs(definition).filter(({ required }) => required);

const isPossible = (definition: NodeDefinition): boolean =>
  neededInputs(definition).every(({ spec }) => choicesOf(spec)?.length !== 0);

/** For every type the class that gives it with the fewest nodes. */
const cheapestSources = (info: ObjectInfo): ReadonlyMap<string, Source> => {
  const best = new Map<string, Source>();
  for (let changed = true; changed;) {
    changed = false;
    for (const [classType, definition] of Object.entries(info)) {
      if (!isPossible(definition) || definition.output_node) continue;
      const costs = neededInputs(definition)
        .filter(({ spec }) => !isWidget(spec))
        .map(({ spec }) => best.get(String(spec[0]))?.cost ?? Infinity);
      const cost = costs.reduce((sum, one) => sum + one, 1);
      for (const [slot, type] of definition.output.entries()) {
        if (typeof type !== 'string' || cost >= (best.get(type)?.cost ?? Infinity)) continue;
        best.set(type, { classType, slot, cost });
        changed = true;
      }
    }
  }
  return best;
};

export interface GraphMaker {
  /** The class as node `t`, its sources, and a `PreviewAny` behind it where it is no output itself. */
  around(classType: string): TestGraph | undefined;
  /** A node that gives that type, as a link into `graph`; undefined when no class of these can. */
  link(graph: TestGraph, type: string): [string, number] | undefined;
}

export const createGraphMaker = (info: ObjectInfo): GraphMaker => {
  const sources = cheapestSources(info);

  const inputsFor = (
    graph: TestGraph,
    definition: NodeDefinition,
  ): Record<string, unknown> | undefined => {
    const inputs: Record<string, unknown> = {};
    for (const { name, spec } of neededInputs(definition)) {
      const value =
        isWidget(spec) || spec[0] === '*' ? literalFor(spec) : link(graph, String(spec[0]));
      if (value === undefined) return undefined;
      inputs[name] = value;
    }
    return inputs;
  };

  const link = (graph: TestGraph, type: string): [string, number] | undefined => {
    const source = sources.get(type);
    const definition = source && info[source.classType];
    if (!definition) return undefined;
    const id = `s${source.classType}`;
    if (!graph[id]) {
      const inputs = inputsFor(graph, definition);
      if (!inputs) return undefined;
      graph[id] = { class_type: source.classType, inputs };
    }
    return [id, source.slot];
  };

  return {
    link,
    around: (classType) => {
      const definition = info[classType];
      if (!definition || !isPossible(definition)) return undefined;
      const graph: TestGraph = {};
      const inputs = inputsFor(graph, definition);
      if (!inputs) return undefined;
      graph['t'] = { class_type: classType, inputs };
      if (definition.output_node) return graph;
      if (definition.output.length === 0) return undefined;
      graph['out'] = { class_type: 'PreviewAny', inputs: { source: ['t', 0] } };
      return graph;
    },
  };
};
