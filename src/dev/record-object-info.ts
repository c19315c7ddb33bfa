/**
 * Writes the node definitions of a real ComfyUI into the simulator: `npm run record:object-info -- <url>`. Lists of
 * files are emptied, since they belong to that machine, and words for people are left out, since nothing reads them.
 */
import { writeFile } from 'node:fs/promises';
import { FILE_INPUTS } from '../executors/simulator/graph/file-choices.ts';
import type { InputSpec, NodeDefinition } from '../executors/simulator/graph/node-definitions.ts';

const TARGET = new URL('../executors/simulator/object-info/core.json', import.meta.url);

/** Inputs whose shape depends on other inputs, or that the class judges by itself: the simulator has no rules for them. */
const DYNAMIC = /^COMFY_/;

const WORDS = ['tooltip'];
const CLASS_WORDS = ['output_tooltips', 'search_aliases', 'price_badge', 'output_matchtypes'];

const without = (record: object, names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)));

const emptied = (spec: InputSpec): InputSpec =>
  typeof spec[0] === 'string'
    ? [spec[0], { ...spec[1], options: [] }]
    : spec[1]
      ? [[], spec[1]]
      : [[]];

const recordedInputs = (
  classType: string,
  inputs: Readonly<Record<string, InputSpec>>,
): Record<string, InputSpec> =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, [type, options]]) => {
      const spec: InputSpec = options ? [type, without(options, WORDS)] : [type];
      return [name, FILE_INPUTS[classType]?.[name] === undefined ? spec : emptied(spec)];
    }),
  );

const isDynamic = (definition: NodeDefinition): boolean =>
  [definition.input.required, definition.input.optional]
    .flatMap((inputs) => Object.values(inputs ?? {}))
    .some(([type]) => typeof type === 'string' && DYNAMIC.test(type));

const recorded = ([name, definition]: [string, NodeDefinition]): [string, object] => {
  const { required, optional } = definition.input;
  const input = {
    ...definition.input,
    ...(required && { required: recordedInputs(name, required) }),
    ...(optional && { optional: recordedInputs(name, optional) }),
  };
  return [name, { ...without(definition, CLASS_WORDS), input }];
};

const url = process.argv[2];
if (url === undefined) throw new Error('Usage: npm run record:object-info -- <url of a ComfyUI>');
const response = await fetch(new URL('/object_info', url));
const all = (await response.json()) as Record<string, NodeDefinition>;
const kept = Object.entries(all)
  .filter(([name, definition]) => !isDynamic(definition) && name !== 'CustomCombo')
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(recorded);
await writeFile(TARGET, `${JSON.stringify(Object.fromEntries(kept))}\n`);
process.stdout.write(`${kept.length} of ${Object.keys(all).length} classes recorded\n`);
