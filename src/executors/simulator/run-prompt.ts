import { createExecutionOrder } from './graph/execution-order.ts';
import type { NodeDefinition } from './graph/node-definitions.ts';
import { nodeOf, type RawGraph } from './graph/prompt-graph.ts';
import { signaturesOf } from './graph/node-signature.ts';
import type { ExecutionCache } from './execution-cache.ts';
import type { FaultBook } from './faults.ts';
import { executeNode } from './nodes/execute-node.ts';
import { InterruptedError, type NodeContext, type NodeInputs } from './nodes/node-context.ts';
import { describeValue } from './nodes/values.ts';
import type { ProgressReporter } from './progress-reporter.ts';
import type { HistoryEntry, StatusMessage } from './prompt-history.ts';
import type { QueueItem } from './prompt-queue.ts';
import type { ExecutionOutcome } from './execution-log.ts';
import { failureOf, throwPlannedFailure } from './node-failure.ts';
import { nodeInputs } from './node-inputs.ts';
import type { SocketHub } from './socket-hub.ts';

export interface RunDeps {
  readonly hub: SocketHub;
  readonly cache: ExecutionCache;
  readonly faults: FaultBook;
  readonly progress: ProgressReporter;
  find(classType: string): NodeDefinition | undefined;
  contentOf(classType: string, inputs: Record<string, unknown>): string;
  /** Throws `InterruptedError` when an interrupt is pending. */
  checkInterrupted(): void;
  /** Lets other work of this process happen; cheap. */
  breathe(): Promise<void>;
  setNode(nodeId: string | undefined): void;
  context(nodeId: string, definition: NodeDefinition, classType: string): NodeContext;
}

export interface RunResult {
  readonly outcome: ExecutionOutcome;
  readonly executed: readonly string[];
  readonly entry: HistoryEntry;
}

interface Run {
  readonly promptId: string;
  readonly clientId: string | undefined;
  readonly graph: RawGraph;
  readonly signatures: ReadonlyMap<string, string>;
  readonly executed: string[];
  readonly messages: StatusMessage[];
  readonly outputs: HistoryEntry['outputs'];
  readonly meta: HistoryEntry['meta'];
}

const noteUi = (run: Run, id: string, ui: Record<string, unknown[]> | undefined): void => {
  if (!ui) return;
  run.outputs[id] = ui;
  run.meta[id] = { node_id: id, display_node: id, parent_node: null, real_node_id: id };
};

const sendExecuted = (
  run: Run,
  hub: SocketHub,
  id: string,
  output: Record<string, unknown[]> | undefined,
): void => {
  if (run.clientId === undefined) return;
  const data = { node: id, display_node: id, output: output ?? null, prompt_id: run.promptId };
  hub.send('executed', data, run.clientId);
};

const sendBlocked = (run: Run, deps: RunDeps, id: string, classType: string): void => {
  const data = {
    prompt_id: run.promptId,
    node_id: id,
    node_type: classType,
    executed: run.executed,
    exception_message: 'Execution Blocked: simulated block',
    exception_type: 'ExecutionBlocked',
    traceback: [],
    current_inputs: [],
    current_outputs: [],
  };
  deps.hub.send('execution_error', data, run.clientId);
};

/** Runs or recalls one node. `seen` receives its inputs, for the error report. */
const visit = async (
  run: Run,
  deps: RunDeps,
  id: string,
  seen: (inputs: NodeInputs) => void,
): Promise<void> => {
  const signature = run.signatures.get(id) ?? id;
  const cached = deps.cache.find(signature);
  if (cached) {
    sendExecuted(run, deps.hub, id, cached.ui);
    noteUi(run, id, cached.ui);
    deps.progress.finish(id);
    return;
  }
  const classType = nodeOf(run.graph, id)?.class_type ?? '';
  const definition = deps.find(classType);
  if (!definition) throw new Error(`class ${classType} vanished while its prompt was queued`);
  deps.progress.start(id);
  const inputs = nodeInputs(run.graph, id, definition, (source) =>
    deps.cache.find(run.signatures.get(source)),
  );
  seen(inputs);
  deps.setNode(id);
  if (run.clientId !== undefined) {
    const data = { node: id, display_node: id, prompt_id: run.promptId };
    deps.hub.send('executing', data, run.clientId);
  }
  await deps.breathe();
  deps.checkInterrupted();
  throwPlannedFailure(deps.faults, id, classType);
  const blocked = deps.faults.take(
    'execution-blocked',
    (fault) => (fault.classType ?? classType) === classType,
  );
  if (blocked) sendBlocked(run, deps, id, classType);
  const result = await executeNode(inputs, deps.context(id, definition, classType));
  deps.cache.put(signature, { outputs: result.outputs, ui: result.ui });
  if (result.ui) sendExecuted(run, deps.hub, id, result.ui);
  noteUi(run, id, result.ui);
  deps.progress.finish(id);
  run.executed.push(id);
};

const formatInputs = (inputs: NodeInputs): Record<string, unknown[]> =>
  Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, [describeValue(value)]]));

/** Executes one prompt from `execution_start` to its terminal event. Never throws for what a node does. */
export const runPrompt = async (item: QueueItem, deps: RunDeps): Promise<RunResult> => {
  const [, promptId, graph, extraData, outputs] = item;
  const clientId = typeof extraData['client_id'] === 'string' ? extraData['client_id'] : undefined;
  const run: Run = {
    promptId,
    clientId,
    graph,
    signatures: signaturesOf(graph, deps.contentOf),
    executed: [],
    messages: [],
    outputs: {},
    meta: {},
  };
  const note = (event: string, fields: Record<string, unknown>, broadcast = false): void => {
    const data = { prompt_id: promptId, ...fields, timestamp: Date.now() };
    run.messages.push([event, data]);
    if (clientId !== undefined || broadcast) deps.hub.send(event, data, clientId);
  };

  note('execution_start', {});
  deps.cache.keepOnly(run.signatures.values());
  const isCached = (id: string): boolean => deps.cache.find(run.signatures.get(id)) !== undefined;
  note('execution_cached', { nodes: Object.keys(graph).filter(isCached) });

  const classOf = (id: string): string => nodeOf(graph, id)?.class_type ?? '';
  const order = createExecutionOrder(graph, outputs, {
    isCached,
    isOutput: (id) => deps.find(classOf(id))?.output_node ?? false,
  });
  let outcome: ExecutionOutcome = 'success';
  let id: string | undefined;
  let inputs: NodeInputs = {};
  try {
    for (id = order.next(); id !== undefined; id = order.next()) {
      inputs = {};
      await visit(run, deps, id, (seen) => {
        inputs = seen;
      });
      order.done(id);
    }
    note('execution_success', {});
  } catch (error) {
    const where = { node_id: id, node_type: classOf(id ?? ''), executed: run.executed };
    if (error instanceof InterruptedError) {
      outcome = 'interrupted';
      note('execution_interrupted', where, true);
    } else {
      outcome = 'error';
      note('execution_error', {
        ...where,
        ...failureOf(error, classOf(id ?? '')),
        current_inputs: formatInputs(inputs),
        current_outputs: Object.keys(graph),
      });
    }
  }
  deps.setNode(undefined);
  const completed = outcome === 'success';
  return {
    outcome,
    executed: run.executed,
    entry: {
      prompt: item,
      outputs: run.outputs,
      status: { status_str: completed ? 'success' : 'error', completed, messages: run.messages },
      meta: run.meta,
    },
  };
};
