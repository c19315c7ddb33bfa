/** Wrong graphs made by rule from node definitions, each with what a ComfyUI must say to it. */
import {
  declaredInputs,
  type InputSpec,
  type NodeDefinition,
} from '../../src/executors/simulator/graph/node-definitions.ts';
import {
  choicesOf,
  createGraphMaker,
  isWidget,
  type GraphMaker,
  type ObjectInfo,
} from './graph-maker.ts';
import type { TestGraph } from './simulator-session.ts';

export interface Case {
  readonly name: string;
  readonly prompt: unknown;
  /** An error type the answer must name; undefined when the prompt must be accepted without any. */
  readonly wanted: string | undefined;
}

type Change = readonly [what: string, value: unknown, wanted: string | undefined];

const RAISED = 'exception_during_inner_validation';

const numberChanges = (spec: InputSpec): Change[] => {
  const { min, max } = spec[1] ?? {};
  const changes: Change[] = [
    ['words for a number', 'many', 'invalid_input_type'],
    ['null for a number', null, 'invalid_input_type'],
    ['an object for a number', { a: 1 }, 'invalid_input_type'],
    ['a wrapped list for a number', { __value__: [1, 2] }, 'invalid_input_type'],
  ];
  // Beyond 2^53 one less is the same number in JSON.
  if (typeof min === 'number' && Number.isSafeInteger(min - 1)) {
    changes.push(['below min', min - 1, 'value_smaller_than_min']);
    changes.push(['min in words', String(min), undefined]);
  }
  if (typeof max === 'number' && Number.isSafeInteger(max + 1)) {
    changes.push(['above max', max + 1, 'value_bigger_than_max']);
    changes.push(['max', max, undefined]);
  }
  return changes;
};

const literalChanges = (spec: InputSpec): Change[] => {
  if (choicesOf(spec)) {
    return [
      ['an unknown choice', 'no such choice', 'value_not_in_list'],
      ['a number for a choice', 12345, 'value_not_in_list'],
      ['null for a choice', null, 'value_not_in_list'],
    ];
  }
  switch (spec[0]) {
    case 'INT':
    case 'FLOAT':
      return numberChanges(spec);
    case 'STRING':
      return [
        ['a number for words', 5.5, undefined],
        ['an object for words', { a: [true, null] }, undefined],
      ];
    case 'BOOLEAN':
      return [['words for a boolean', 'false', undefined]];
    default:
      // A literal where a link belongs passes validation and fails in the node.
      return [['a literal for a link', 'words', undefined]];
  }
};

const ANY = new Set(['*', 'COMFY_MATCHTYPE_V3']);

/** A type that cannot stand for `spec`'s. */
const strangerTo = (spec: InputSpec): string =>
  String(spec[0]).split(',').includes('SIGMAS') ? 'NOISE' : 'SIGMAS';

const clone = (graph: TestGraph): TestGraph => structuredClone(graph);

/** Changes of one input of node `t`. */
const inputCases = (
  maker: GraphMaker,
  definition: NodeDefinition,
  classType: string,
  valid: TestGraph,
  input: { readonly name: string; readonly spec: InputSpec; readonly required: boolean },
): Case[] => {
  const { name, spec, required } = input;
  const isOutput = definition.output_node;
  const raised = isOutput ? 'exception_during_validation' : RAISED;
  const cases: Case[] = [];
  const add = (what: string, wanted: string | undefined, change: (graph: TestGraph) => unknown) => {
    const prompt = clone(valid);
    const value = change(prompt);
    const node = prompt['t'];
    if (!node) return;
    if (value === undefined) delete node.inputs[name];
    else node.inputs[name] = value;
    cases.push({ name: `${classType}.${name}: ${what}`, prompt, wanted });
  };
  for (const [what, value, wanted] of literalChanges(spec)) add(what, wanted, () => value);
  add('left out', required ? 'required_input_missing' : undefined, () => undefined);
  add('a link to nowhere', raised, () => ['nowhere', 0]);
  add('a link without slot', 'bad_linked_input', () => ['sX']);
  add('an empty list', 'bad_linked_input', () => []);
  add('a link of three', 'bad_linked_input', () => ['sX', 0, 1]);
  if (ANY.has(String(spec[0]))) return cases;
  const stranger = strangerTo(spec);
  add('a link of another type', 'return_type_mismatch', (graph) => maker.link(graph, stranger));
  add('a slot out of range', raised, (graph) => [maker.link(graph, stranger)?.[0], 99]);
  add('a slot in words', raised, (graph) => [maker.link(graph, stranger)?.[0], '0']);
  if (typeof spec[0] === 'string' && !isWidget(spec)) {
    const type = spec[0];
    add('a link of its type', undefined, (graph) => maker.link(graph, type));
  }
  return cases;
};

/** Leaves out inputs declared exactly like two others: classes that merge models have hundreds of those. */
const unlike = <T extends { readonly spec: InputSpec; readonly required: boolean }>(
  inputs: readonly T[],
): T[] => {
  const seen = new Map<string, number>();
  return inputs.filter(({ spec, required }) => {
    const key = JSON.stringify([spec, required]);
    seen.set(key, (seen.get(key) ?? 0) + 1);
    return (seen.get(key) ?? 0) <= 2;
  });
};

/** Gives every wrong graph for a class; the first is the valid one. None when no valid graph can be made. */
export const createCaseMaker = (info: ObjectInfo): ((classType: string) => Case[]) => {
  const maker = createGraphMaker(info);
  return (classType) => {
    const definition = info[classType];
    const valid = maker.around(classType);
    if (!definition || !valid) return [];
    return [
      { name: `${classType}: valid`, prompt: valid, wanted: undefined },
      ...unlike(declaredInputs(definition)).flatMap((input) =>
        inputCases(maker, definition, classType, valid, input),
      ),
    ];
  };
};

const still = { width: 16, height: 16, batch_size: 1, color: 0 };

/** Wrong in their shape rather than in one input. */
export const oddGraphs = (): Case[] => {
  const empty = { class_type: 'EmptyImage', inputs: still };
  const preview = (source: unknown) => ({
    class_type: 'PreviewImage',
    inputs: { images: source },
  });
  const flip = (image: unknown) => ({ class_type: 'ImageInvert', inputs: { image } });
  const graphs: readonly (readonly [string, unknown, string | undefined])[] = [
    ['nothing', {}, 'prompt_no_outputs'],
    ['no output node', { a: empty }, 'prompt_no_outputs'],
    ['a class nobody has', { a: { class_type: 'Nope', inputs: {} } }, 'invalid_prompt'],
    ['a class of null', { a: { class_type: null, inputs: {} } }, 'invalid_prompt'],
    ['a class that is a number', { a: { class_type: 7, inputs: {} } }, 'invalid_prompt'],
    ['no class', { a: { inputs: {} } }, 'invalid_prompt'],
    ['no inputs', { a: { class_type: 'PreviewImage' } }, 'exception_during_validation'],
    [
      'inputs of null',
      { a: { class_type: 'PreviewImage', inputs: null } },
      'exception_during_validation',
    ],
    [
      'inputs as words',
      { a: { class_type: 'PreviewImage', inputs: 'words' } },
      'required_input_missing',
    ],
    [
      'inputs as a list',
      { a: { class_type: 'PreviewImage', inputs: [1] } },
      'required_input_missing',
    ],
    ['no inputs upstream', { a: { class_type: 'EmptyImage' }, b: preview(['a', 0]) }, RAISED],
    [
      'a node id that is a number',
      { '5': empty, b: preview([5, 0]) },
      'exception_during_validation',
    ],
    [
      'a node id that is a list',
      { '5': empty, b: preview([[5], 0]) },
      'exception_during_validation',
    ],
    ['a slot below zero', { a: empty, b: preview(['a', -1]) }, undefined],
    ['a slot far below zero', { a: empty, b: preview(['a', -9]) }, 'exception_during_validation'],
    ['a slot of half', { a: empty, b: preview(['a', 0.5]) }, 'exception_during_validation'],
    ['a slot of null', { a: empty, b: preview(['a', null]) }, 'exception_during_validation'],
    ['a slot of false', { a: empty, b: preview(['a', false]) }, undefined],
    [
      'a link to itself',
      { a: flip(['a', 0]), b: preview(['a', 0]) },
      'prompt_outputs_failed_validation',
    ],
    [
      'a cycle of two',
      { a: flip(['c', 0]), c: flip(['a', 0]), b: preview(['a', 0]) },
      'prompt_outputs_failed_validation',
    ],
    [
      'a cycle of three beside a good output',
      {
        a: flip(['c', 0]),
        c: flip(['d', 0]),
        d: flip(['a', 0]),
        b: preview(['a', 0]),
        e: empty,
        f: preview(['e', 0]),
      },
      undefined,
    ],
    [
      'one bad and one good output',
      { a: empty, b: preview(['a', 0]), c: preview(['nowhere', 0]) },
      'exception_during_validation',
    ],
    [
      'two outputs on one bad node',
      {
        a: { class_type: 'EmptyImage', inputs: { ...still, width: 0 } },
        b: preview(['a', 0]),
        c: preview(['a', 0]),
      },
      'value_smaller_than_min',
    ],
    [
      'two faults in one node',
      {
        a: { class_type: 'EmptyImage', inputs: { ...still, width: 0, height: 'tall' } },
        b: preview(['a', 0]),
      },
      'value_smaller_than_min',
    ],
    [
      'a number too great',
      {
        a: { class_type: 'EmptyImage', inputs: { ...still, color: 1e30 } },
        b: preview(['a', 0]),
      },
      'value_bigger_than_max',
    ],
    [
      'a picture that is not there',
      { a: { class_type: 'LoadImage', inputs: { image: 'nope.png' } }, b: preview(['a', 0]) },
      'custom_validation_failed',
    ],
    ['an unused wrong node', { a: empty, b: preview(['a', 0]), z: flip('x') }, undefined],
  ];
  return graphs.map(([name, prompt, wanted]) => ({ name, prompt, wanted }));
};
