import info from '../object-info/core.json' with { type: 'json' };
import custom from '../object-info/custom.json' with { type: 'json' };
import type { ModelFiles } from '../models.ts';
import { FILE_INPUTS, fileChoices } from './file-choices.ts';

/** `[type, options]`; the type is a name or, for an old-style combo, the list of choices itself. */
export type InputSpec = readonly [string | readonly unknown[], Readonly<Record<string, unknown>>?];

export interface NodeDefinition {
  readonly input: {
    readonly required?: Readonly<Record<string, InputSpec>>;
    readonly optional?: Readonly<Record<string, InputSpec>>;
    readonly hidden?: Readonly<Record<string, unknown>>;
  };
  readonly output: readonly (string | readonly unknown[])[];
  readonly name: string;
  readonly output_node: boolean;
}

export interface NodeDefinitions {
  /** The definition with its file lists filled in as of now, or undefined for an unknown class. */
  find(classType: string): NodeDefinition | undefined;
  all(): Record<string, NodeDefinition>;
}

/** Bounds of 64 bits, which JSON numbers on this side cannot hold, by what became of them. */
const WIDE: ReadonlyMap<number, bigint> = new Map(
  [2n ** 64n - 1n, 2n ** 63n - 1n, -(2n ** 63n - 1n)].map((exact) => [Number(exact), exact]),
);

const exact = (value: unknown): unknown => {
  if (typeof value === 'number') return WIDE.get(value) ?? value;
  if (Array.isArray(value)) return value.map(exact);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, exact(inner)]));
};

type Definitions = Readonly<Record<string, NodeDefinition>>;
const STOCK = exact(info) as Definitions;
/**
 * By hand from the sources of custom nodes: of Civitai's example graphs, https://github.com/shiimizu/ComfyUI_smZNodes, and
 * of what our own graphs say of pictures (`nodes/vision-nodes.ts`).
 */
const WITH_CUSTOM: Definitions = { ...STOCK, ...(exact(custom) as Definitions) };

const withChoices = (spec: InputSpec, choices: readonly string[]): InputSpec =>
  typeof spec[0] === 'string'
    ? [spec[0], { ...spec[1], options: choices }]
    : spec.length === 1
      ? [choices]
      : [choices, spec[1] ?? {}];

/** Definitions of the node classes in `object-info/core.json`, recorded from a real server's `/object_info`. */
export const createNodeDefinitions = (sources: {
  models(): ModelFiles;
  /** Names in the input folder. */
  readonly inputFiles: () => readonly string[];
  /** Those of custom nodes too. (Default: true) */
  readonly customNodes?: boolean | undefined;
}): NodeDefinitions => {
  const known = sources.customNodes === false ? STOCK : WITH_CUSTOM;
  const find = (classType: string): NodeDefinition | undefined => {
    const definition = Object.hasOwn(known, classType) ? known[classType] : undefined;
    const fileInputs = FILE_INPUTS[classType];
    if (!definition || !fileInputs) return definition;
    const required = { ...definition.input.required };
    for (const [input, folder] of Object.entries(fileInputs)) {
      const spec = required[input];
      if (!spec) continue;
      required[input] = withChoices(
        spec,
        fileChoices(folder, sources.models(), sources.inputFiles),
      );
    }
    return { ...definition, input: { ...definition.input, required } };
  };
  return {
    find,
    all: () => {
      const out: Record<string, NodeDefinition> = {};
      for (const name of Object.keys(known)) {
        const definition = find(name);
        if (definition) out[name] = definition;
      }
      return out;
    },
  };
};

/** The declared input of that name: its spec and whether it is required. */
export const declaredInputs = (
  definition: NodeDefinition,
): readonly { name: string; spec: InputSpec; required: boolean }[] => [
  ...Object.entries(definition.input.required ?? {}).map(([name, spec]) => ({
    name,
    spec,
    required: true,
  })),
  ...Object.entries(definition.input.optional ?? {}).map(([name, spec]) => ({
    name,
    spec,
    required: false,
  })),
];
