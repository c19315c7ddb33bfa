import { type ErrorCode, OrchestratorError } from '../../errors.ts';
import type { Graph } from '../../domain/graphs/graph.ts';
import { asArray, asObject, asString, type JsonObject } from './json-read.ts';

const MODEL_INPUT =
  /^(ckpt|lora|vae|unet|clip|control_net|model|style_model|gligen|hypernetwork|text_encoder|embedding)_name\d*$/;
/** Model folder from which ComfyUI lists the files of an input; others are named in general. */
const FOLDER_OF_INPUT: Readonly<Record<string, string>> = {
  ckpt: 'checkpoints',
  lora: 'loras',
  vae: 'vae',
  unet: 'diffusion_models',
  clip: 'text_encoders',
  control_net: 'controlnet',
};
const MODEL_FILE = /\.(safetensors|sft|ckpt|pth?|bin|gguf)$/i;
const MESSAGE_LIMIT = 2000;

interface NodeFault {
  readonly text: string;
  readonly modelMissing: boolean;
  /** Where the missing file would have to be. */
  readonly folder?: string | undefined;
}

const shown = (value: unknown): string => {
  const text = typeof value === 'string' ? `'${value}'` : (JSON.stringify(value) ?? 'nothing');
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
};

const faultOf = (nodeId: string, classType: string, fault: JsonObject, graph: Graph): NodeFault => {
  const extra = asObject(fault['extra_info']);
  const type = asString(fault['type']) ?? 'error';
  // An inner node's exception names the input of the node behind it.
  const inner = type === 'exception_during_inner_validation';
  const input = inner ? undefined : asString(extra?.['input_name']);
  // `received_value` is absent for some faults; the graph that was sent has it.
  const value =
    extra !== undefined && 'received_value' in extra
      ? extra['received_value']
      : input === undefined
        ? undefined
        : graph[nodeId]?.inputs[input];
  const what = asString(fault['message']) ?? type;
  const details = asString(fault['details']) ?? '';
  const where = input === undefined ? '' : `, input ${input} = ${shown(value)}`;
  const folder = FOLDER_OF_INPUT[/^(\w+)_name\d*$/.exec(input ?? '')?.[1] ?? ''];
  return {
    folder,
    text: `node ${nodeId} ${classType}${where}: ${what}${details === '' ? '' : ` (${details})`} [${type}]`,
    modelMissing:
      type === 'value_not_in_list' &&
      input !== undefined &&
      (MODEL_INPUT.test(input) || (typeof value === 'string' && MODEL_FILE.test(value))),
  };
};

const faultsOf = (nodeErrors: JsonObject, graph: Graph): readonly NodeFault[] =>
  Object.entries(nodeErrors).flatMap(([nodeId, value]) => {
    const report = asObject(value);
    const classType = asString(report?.['class_type']) ?? graph[nodeId]?.class_type ?? 'unknown';
    return asArray(report?.['errors']).flatMap((fault) => {
      const content = asObject(fault);
      return content === undefined ? [] : [faultOf(nodeId, classType, content, graph)];
    });
  });

const foldersOf = (faults: readonly NodeFault[]): string => {
  const folders = [...new Set(faults.map(({ folder }) => `models/${folder ?? ''}`))];
  return folders.join(' and ');
};

/** True when the answer names nodes that will not run; ComfyUI says so even in a 200. */
export const hasNodeErrors = (answer: unknown): boolean =>
  Object.keys(asObject(asObject(answer)?.['node_errors']) ?? {}).length > 0;

/**
 * The final error for a graph that ComfyUI did not take as a whole: `model_missing` if model files absent from its
 * lists are the only fault, else `graph_refused`.
 */
export const refusalOf = (serverId: string, answer: unknown, graph: Graph): OrchestratorError => {
  const body = asObject(answer);
  const error = asObject(body?.['error']);
  const extra = asObject(error?.['extra_info']);
  const faults = faultsOf(asObject(body?.['node_errors']) ?? {}, graph);
  const code: ErrorCode =
    faults.length > 0 && faults.every((fault) => fault.modelMissing)
      ? 'model_missing'
      : 'graph_refused';
  const head = [asString(error?.['message']), asString(error?.['details'])]
    .filter((part) => part !== undefined && part !== '')
    .join(': ');
  const classType = asString(extra?.['class_type']);
  const nodeId = asString(extra?.['node_id']);
  const named = classType === undefined ? '' : ` [node ${nodeId ?? '?'} ${classType}]`;
  const advice =
    code === 'model_missing'
      ? `put the file into ${foldersOf(faults)} of the server or choose a model it lists`
      : 'correct the parameters or the skeleton of the graph';
  const parts = [`${head === '' ? (asString(error?.['type']) ?? '') : head}${named}`]
    .concat(faults.map((fault) => fault.text))
    .filter((part) => part !== '');
  const why = parts.length === 0 ? 'it gave no reason' : parts.join('; ');
  return new OrchestratorError(
    code,
    `ComfyUI ${serverId} refused the graph: ${why.slice(0, MESSAGE_LIMIT)}; ${advice}`,
  );
};
