import type { VersionManners } from '../comfy-version.ts';
import { declaredInputs, type InputSpec, type NodeDefinitions } from './node-definitions.ts';
import { isRecord, nodeOf, type RawGraph } from './prompt-graph.ts';
import { PythonError, pythonRepr, pythonTypeName } from './python-values.ts';
import { configOf, validateLiteral, type NodeFault } from './validate-literal.ts';

export interface Verdict {
  readonly valid: boolean;
  readonly faults: NodeFault[];
}

/** Checks a class makes by itself: input name → a complaint, or undefined when all is well. */
export type OwnValidators = Readonly<
  Record<string, Readonly<Record<string, (value: unknown) => string | undefined>>>
>;

export interface ValidationContext {
  readonly graph: RawGraph;
  readonly definitions: NodeDefinitions;
  readonly ownValidators: OwnValidators;
  readonly manners: VersionManners;
  /** Verdicts so far by node id; also those of nodes that raised. */
  readonly validated: Map<string, Verdict>;
}

const ANY = new Set<unknown>(['*', 'COMFY_MATCHTYPE_V3']);

const typesMatch = (received: unknown, wanted: unknown): boolean => {
  if (received === wanted || ANY.has(received) || ANY.has(wanted)) return true;
  if (typeof received !== 'string' || typeof wanted !== 'string') {
    return Array.isArray(received) && wanted === 'COMBO';
  }
  const wantedSet = new Set(wanted.split(',').map((part) => part.trim()));
  return received.split(',').some((part) => wantedSet.has(part.trim()));
};

const inputsOf = (graph: RawGraph, id: string): Record<string, unknown> => {
  const node = nodeOf(graph, id);
  if (!node) throw new PythonError('KeyError', pythonRepr(id));
  if (!Object.hasOwn(node, 'inputs')) throw new PythonError('KeyError', "'inputs'");
  const inputs: unknown = node.inputs;
  if (isRecord(inputs)) return inputs;
  // Words and lists can be asked whether they contain a name, and seldom do.
  if (typeof inputs === 'string' || Array.isArray(inputs)) return {};
  throw new PythonError(
    'TypeError',
    `argument of type '${pythonTypeName(inputs)}' is not iterable`,
  );
};

const outputTypeOf = (context: ValidationContext, id: unknown, slot: unknown): unknown => {
  if (typeof id === 'object') {
    throw new PythonError('TypeError', `unhashable type: '${pythonTypeName(id)}'`);
  }
  const node = typeof id === 'string' ? nodeOf(context.graph, id) : undefined;
  if (!node) throw new PythonError('KeyError', pythonRepr(id));
  const definition = context.definitions.find(node.class_type);
  // Classes of the newer node API keep their outputs in a list, and say so in their definition by this field.
  const holder = definition && 'api_node' in definition ? 'list' : 'tuple';
  const index = typeof slot === 'boolean' ? Number(slot) : slot;
  if (typeof index !== 'number' || !Number.isInteger(index)) {
    throw new PythonError(
      'TypeError',
      `${holder} indices must be integers or slices, not ${pythonTypeName(slot)}`,
    );
  }
  const received = definition?.output.at(index);
  if (received === undefined) throw new PythonError('IndexError', `${holder} index out of range`);
  return received;
};

/** Traceback frames are Python's own; a simulator has only one to show. */
export const TRACEBACK = ['  File "execution.py", line 1, in validate_inputs\n'];

const cycleFault = (context: ValidationContext, path: readonly string[]): void => {
  const details = path
    .map((id) => `${id} (${nodeOf(context.graph, id)?.class_type ?? ''})`)
    .join(' -> ');
  const cycle_nodes = path.slice(0, -1);
  for (const node_id of cycle_nodes) {
    context.validated.set(node_id, {
      valid: false,
      faults: [
        {
          type: 'dependency_cycle',
          message: 'Dependency cycle detected',
          details,
          extra_info: { node_id, cycle_nodes },
        },
      ],
    });
  }
};

const validateLink = (
  context: ValidationContext,
  name: string,
  spec: InputSpec,
  link: readonly unknown[],
  visiting: readonly string[],
): NodeFault | 'invalid' | undefined => {
  const input_config = configOf(spec);
  if (link.length !== 2) {
    return {
      type: 'bad_linked_input',
      message: 'Bad linked input, must be a length-2 list of [node_id, slot_index]',
      details: name,
      extra_info: { input_name: name, input_config, received_value: link },
    };
  }
  const received_type = outputTypeOf(context, link[0], link[1]);
  const source = link[0] as string;
  if (!typesMatch(received_type, spec[0])) {
    const shown = [received_type, spec[0]].map((type) =>
      typeof type === 'string' ? type : pythonRepr(type),
    );
    return {
      type: 'return_type_mismatch',
      message: 'Return type mismatch between linked nodes',
      details: `${name}, received_type(${shown[0]}) mismatch input_type(${shown[1]})`,
      extra_info: { input_name: name, input_config, received_type, linked_node: link },
    };
  }
  try {
    return validateInputs(context, source, visiting).valid ? undefined : 'invalid';
  } catch (error) {
    if (!(error instanceof PythonError)) throw error;
    context.validated.set(source, {
      valid: false,
      faults: [
        {
          type: 'exception_during_inner_validation',
          message: 'Exception when validating inner node',
          details: error.message,
          extra_info: {
            input_name: name,
            input_config,
            exception_message: error.message,
            exception_type: error.exceptionType,
            traceback: TRACEBACK,
            linked_node: link,
          },
        },
      ],
    });
    return 'invalid';
  }
};

const ownFaults = (
  context: ValidationContext,
  classType: string,
  inputs: Record<string, unknown>,
): NodeFault[] =>
  Object.entries(context.ownValidators[classType] ?? {}).flatMap(([name, check]) => {
    if (!Object.hasOwn(inputs, name) || Array.isArray(inputs[name])) return [];
    const complaint = check(inputs[name]);
    return complaint === undefined
      ? []
      : [
          {
            type: 'custom_validation_failed',
            message: 'Custom validation failed for node',
            details: `${name} - ${complaint}`,
            extra_info: { input_name: name },
          },
        ];
  });

/**
 * Checks a node and everything it hangs off, coercing literals in place. Throws `PythonError` where the
 * original lets an exception out; the caller decides under which node that is reported.
 */
export const validateInputs = (
  context: ValidationContext,
  id: string,
  visiting: readonly string[],
): Verdict => {
  const known = context.validated.get(id);
  if (known) return known;
  if (visiting.includes(id)) {
    // Earlier releases run into Python's recursion limit and forget the reason on the way back.
    if (!context.manners.namesMissingTypes) return { valid: false, faults: [] };
    cycleFault(context, [...visiting.slice(visiting.indexOf(id)), id]);
    return context.validated.get(id) ?? { valid: false, faults: [] };
  }
  const inputs = inputsOf(context.graph, id);
  const classType = nodeOf(context.graph, id)?.class_type ?? '';
  const definition = context.definitions.find(classType);
  if (!definition) throw new PythonError('KeyError', pythonRepr(classType));
  const own = context.ownValidators[classType] ?? {};

  const faults: NodeFault[] = [];
  let valid = true;
  for (const { name, spec, required } of declaredInputs(definition)) {
    if (!Object.hasOwn(inputs, name)) {
      if (!required) continue;
      faults.push({
        type: 'required_input_missing',
        message: 'Required input is missing',
        details: name,
        extra_info: { input_name: name },
      });
      continue;
    }
    const value = inputs[name];
    if (Array.isArray(value)) {
      const fault = validateLink(context, name, spec, value, [...visiting, id]);
      if (fault === 'invalid') valid = false;
      else if (fault) faults.push(fault);
      continue;
    }
    const fault = validateLiteral(inputs, name, spec, {
      checked: !Object.hasOwn(own, name),
      checksOptions: context.manners.checksComboOptions,
    });
    if (fault) faults.push(fault);
  }
  faults.push(...ownFaults(context, classType, inputs));

  // A cycle through this node was noted while its links were followed.
  const noted = context.validated.get(id);
  const verdict: Verdict = {
    valid: valid && faults.length === 0 && (noted?.valid ?? true),
    faults: [...(noted?.faults ?? []), ...faults],
  };
  context.validated.set(id, verdict);
  return verdict;
};
