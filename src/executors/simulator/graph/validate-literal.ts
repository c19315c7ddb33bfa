import type { InputSpec } from './node-definitions.ts';
import { isRecord } from './prompt-graph.ts';
import {
  PythonError,
  pythonBool,
  pythonFloat,
  pythonFloatStr,
  pythonInt,
  pythonRepr,
  pythonStr,
} from './python-values.ts';

/** One entry of `node_errors[id].errors`. */
export interface NodeFault {
  readonly type: string;
  readonly message: string;
  readonly details: string;
  readonly extra_info: Record<string, unknown>;
}

/** `[type, options]` as error details show it: options are never left out. */
export const configOf = (spec: InputSpec): unknown[] => [spec[0], spec[1] ?? {}];

const coerce = (type: string | readonly unknown[], value: unknown): unknown => {
  switch (type) {
    case 'INT':
      return pythonInt(value);
    case 'FLOAT':
      return pythonFloat(value);
    case 'STRING':
      return pythonStr(value);
    case 'BOOLEAN':
      return pythonBool(value);
    default:
      return value;
  }
};

const below = (a: unknown, b: unknown): boolean =>
  (typeof a === 'number' || typeof a === 'bigint') &&
  (typeof b === 'number' || typeof b === 'bigint') &&
  a < b;

const notInList = (name: string, wrong: unknown, choices: readonly unknown[]): string => {
  const list = choices.length > 20 ? `(list of length ${choices.length})` : pythonRepr(choices);
  return `${name}: '${pythonStr(wrong)}' not in ${list}`;
};

/**
 * Checks one literal and writes the coerced value back into `inputs`, as the original does.
 * `checked: false` skips range and choices, for inputs a class validates by itself; `checksOptions: false`
 * skips the choices of new-style combos.
 */
export const validateLiteral = (
  inputs: Record<string, unknown>,
  name: string,
  spec: InputSpec,
  rules: { readonly checked: boolean; readonly checksOptions: boolean },
): NodeFault | undefined => {
  const [type, options = {}] = spec;
  const input_config = configOf(spec);
  let value = inputs[name];
  if (isRecord(value) && Object.hasOwn(value, '__value__')) {
    value = value['__value__'];
    inputs[name] = value;
  }
  const received_value = value;
  try {
    value = coerce(type, value);
    inputs[name] = value;
  } catch (error) {
    if (!(error instanceof PythonError)) throw error;
    return {
      type: 'invalid_input_type',
      message: `Failed to convert an input value to a ${String(type)} value`,
      details: `${name}, ${pythonStr(received_value)}, ${error.message}`,
      extra_info: {
        input_name: name,
        input_config,
        received_value,
        exception_message: error.message,
      },
    };
  }
  if (!rules.checked) return undefined;
  const extra_info = { input_name: name, input_config, received_value: value };
  const show = type === 'FLOAT' ? pythonFloatStr : pythonStr;
  if (below(value, options['min'])) {
    return {
      type: 'value_smaller_than_min',
      message: `Value ${show(value)} smaller than min of ${show(options['min'])}`,
      details: name,
      extra_info,
    };
  }
  if (below(options['max'], value)) {
    return {
      type: 'value_bigger_than_max',
      message: `Value ${show(value)} bigger than max of ${show(options['max'])}`,
      details: name,
      extra_info,
    };
  }
  const choices =
    typeof type !== 'string'
      ? type
      : type === 'COMBO' && rules.checksOptions
        ? (options['options'] ?? [])
        : undefined;
  if (!Array.isArray(choices) || choices.includes(value)) return undefined;
  return {
    type: 'value_not_in_list',
    message: 'Value not in list',
    details: notInList(name, value, choices),
    extra_info: { ...extra_info, input_config: choices.length > 20 ? null : input_config },
  };
};
