import type { VersionManners } from '../comfy-version.ts';
import type { NodeDefinitions } from './node-definitions.ts';
import { isRecord, nodeOf, type RawGraph } from './prompt-graph.ts';
import { PythonError, pythonStr, pythonTypeName } from './python-values.ts';
import { TRACEBACK, validateInputs, type OwnValidators, type Verdict } from './validate-inputs.ts';
import type { NodeFault } from './validate-literal.ts';

interface NodeErrors {
  readonly errors: readonly NodeFault[];
  readonly dependent_outputs: string[];
  readonly class_type: string;
}

export interface PromptVerdict {
  /** Output nodes that may run; empty when the prompt is refused. */
  readonly outputs: readonly string[];
  readonly error?: NodeFault;
  readonly nodeErrors: Record<string, NodeErrors>;
}

const refused = (error: NodeFault): PromptVerdict => ({ outputs: [], error, nodeErrors: {} });

const titleOf = (node: Record<string, unknown>): unknown => {
  const meta = node['_meta'];
  return isRecord(meta) ? meta['title'] : undefined;
};

const invalidPrompt = (id: string, message: string): PromptVerdict =>
  refused({ type: 'invalid_prompt', message, details: `Node ID '#${id}'`, extra_info: {} });

const missingType = (
  id: string,
  node: Record<string, unknown>,
  manners: VersionManners,
): PromptVerdict => {
  if (!manners.namesMissingTypes) {
    return invalidPrompt(id, 'Cannot execute because a node is missing the class_type property.');
  }
  const title = titleOf(node);
  return refused({
    type: 'missing_node_type',
    message: `Node '${pythonStr(title ?? `ID #${id}`)}' has no class_type. The workflow may be corrupted or a custom node is missing.`,
    details: `Node ID '#${id}'`,
    extra_info: { node_id: id, class_type: null, node_title: title ?? null },
  });
};

const unknownType = (
  id: string,
  node: Record<string, unknown>,
  manners: VersionManners,
): PromptVerdict => {
  if (!manners.namesMissingTypes) {
    const shown = pythonStr(node['class_type']);
    return invalidPrompt(id, `Cannot execute because node ${shown} does not exist.`);
  }
  const title = titleOf(node) ?? node['class_type'];
  return refused({
    type: 'missing_node_type',
    message: `Node '${pythonStr(title)}' not found. The custom node may not be installed.`,
    details: `Node ID '#${id}'`,
    extra_info: { node_id: id, class_type: node['class_type'], node_title: title },
  });
};

const validateOutput = (context: Parameters<typeof validateInputs>[0], id: string): Verdict => {
  try {
    return validateInputs(context, id, []);
  } catch (error) {
    if (!(error instanceof PythonError)) throw error;
    const verdict: Verdict = {
      valid: false,
      faults: [
        {
          type: 'exception_during_validation',
          message: 'Exception when validating node',
          details: error.message,
          extra_info: { exception_type: error.exceptionType, traceback: TRACEBACK },
        },
      ],
    };
    context.validated.set(id, verdict);
    return verdict;
  }
};

const collectErrors = (
  graph: RawGraph,
  validated: ReadonlyMap<string, Verdict>,
  output: string,
  nodeErrors: Record<string, NodeErrors>,
): void => {
  for (const [id, verdict] of validated) {
    if (verdict.valid || verdict.faults.length === 0) continue;
    nodeErrors[id] ??= {
      errors: verdict.faults,
      dependent_outputs: [],
      class_type: nodeOf(graph, id)?.class_type ?? '',
    };
    nodeErrors[id].dependent_outputs.push(output);
  }
};

/**
 * What POST /prompt does before it enqueues. Literals are coerced in `prompt` itself. Throws where the original
 * answers 500: a prompt, node or target list of the wrong JSON type.
 */
export const validatePrompt = (
  prompt: unknown,
  targets: unknown,
  deps: {
    readonly definitions: NodeDefinitions;
    readonly ownValidators: OwnValidators;
    readonly manners: VersionManners;
  },
): PromptVerdict => {
  if (Array.isArray(prompt) && prompt.length > 0) {
    throw new PythonError('TypeError', 'list indices must be integers or slices, not dict');
  }
  if (!isRecord(prompt) && !Array.isArray(prompt)) {
    throw new PythonError('TypeError', `'${pythonTypeName(prompt)}' object is not iterable`);
  }
  const graph = (Array.isArray(prompt) ? {} : prompt) as RawGraph;
  const isTarget = (id: string): boolean => {
    if (targets === null || targets === undefined) return true;
    if (Array.isArray(targets)) return targets.includes(id);
    throw new PythonError(
      'TypeError',
      `argument of type '${pythonTypeName(targets)}' is not iterable`,
    );
  };

  const outputs: string[] = [];
  for (const [id, node] of Object.entries(graph)) {
    if (!isRecord(node)) {
      throw new PythonError(
        'TypeError',
        `argument of type '${pythonTypeName(node)}' is not iterable`,
      );
    }
    if (!Object.hasOwn(node, 'class_type')) return missingType(id, node, deps.manners);
    const classType = node['class_type'];
    const definition = typeof classType === 'string' ? deps.definitions.find(classType) : undefined;
    if (!definition) return unknownType(id, node, deps.manners);
    if (definition.output_node && isTarget(id)) outputs.push(id);
  }
  if (outputs.length === 0) {
    return refused({
      type: 'prompt_no_outputs',
      message: 'Prompt has no outputs',
      details: '',
      extra_info: {},
    });
  }

  const context = { graph, ...deps, validated: new Map<string, Verdict>() };
  const good: string[] = [];
  const nodeErrors: Record<string, NodeErrors> = {};
  const complaints: string[] = [];
  for (const output of outputs) {
    const verdict = validateOutput(context, output);
    if (verdict.valid) {
      good.push(output);
      continue;
    }
    complaints.push(...verdict.faults.map((fault) => `${fault.message}: ${fault.details}`));
    collectErrors(graph, context.validated, output, nodeErrors);
  }
  if (good.length > 0) return { outputs: good, nodeErrors };
  return {
    outputs: [],
    error: {
      type: 'prompt_outputs_failed_validation',
      message: 'Prompt outputs failed validation',
      details: complaints.join('\n'),
      extra_info: {},
    },
    nodeErrors,
  };
};
