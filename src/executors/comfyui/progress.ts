import type { Graph } from '../../domain/graphs/graph.ts';
import type { Progress } from '../../ports.ts';
import type { SocketMessage } from './messages.ts';

/** Nodes that take nearly all the time of a run; the others count as one. */
const LONG_RUNNING = /Sampler|Tiled|UpscaleWithModel|Hunyuan3D/;
const LONG_WEIGHT = 20;

/** What is left for a run whose graph is not known here, so that it never shows as done before it is. */
const UNKNOWN_GRAPH_CEILING = 0.95;

const MOST_NODES = 20_000;

export interface ProgressMeter {
  /** Takes one message of the prompt; the new progress if it rose or the node changed. */
  take(message: SocketMessage): Progress | undefined;
  current(): Progress | undefined;
}

/**
 * Turns a prompt's messages into one fraction that never falls: the weight of finished and cached nodes plus the part
 * of the running one. Without the graph (a run attached to from elsewhere) only the running node's part is known.
 */
export const createProgressMeter = (graph: Graph | undefined): ProgressMeter => {
  const weights = new Map(
    Object.entries(graph ?? {}).map(([id, node]) => [
      id,
      LONG_RUNNING.test(node.class_type) ? LONG_WEIGHT : 1,
    ]),
  );
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  const parts = new Map<string, number>();
  let running: string | undefined;
  let current: Progress | undefined;

  const set = (nodeId: string, part: number): void => {
    // A graph has fewer nodes; a server that makes up more of them fills no memory.
    if (parts.size >= MOST_NODES && !parts.has(nodeId)) return;
    parts.set(nodeId, Math.max(parts.get(nodeId) ?? 0, Math.min(1, Math.max(0, part))));
  };
  const ratio = (value: number, max: number): number => (max > 0 ? value / max : 0);

  const fraction = (): number => {
    if (total === 0) return UNKNOWN_GRAPH_CEILING * (parts.get(running ?? '') ?? 0);
    let done = 0;
    for (const [id, weight] of weights) done += weight * (parts.get(id) ?? 0);
    return done / total;
  };

  const apply = (message: SocketMessage): boolean => {
    switch (message.type) {
      case 'cached':
        for (const node of message.nodes) set(node, 1);
        return true;
      case 'nodes':
        for (const node of message.nodes) {
          set(node.nodeId, node.finished ? 1 : ratio(node.value, node.max));
          if (!node.finished) running = node.nodeId;
        }
        return true;
      case 'progress':
        set(message.nodeId, ratio(message.value, message.max));
        running = message.nodeId;
        return true;
      case 'executing':
        // Servers without progress_state: the next node starting is all that says the last one finished.
        if (running !== undefined && running !== message.nodeId) set(running, 1);
        running = message.nodeId;
        return true;
      default:
        return false;
    }
  };

  return {
    take(message) {
      const before = current;
      if (!apply(message)) return undefined;
      const next = Math.max(before?.fraction ?? 0, Math.min(1, fraction()));
      if (before !== undefined && next === before.fraction && running === before.node) {
        return undefined;
      }
      current = { fraction: next, ...(running === undefined ? {} : { node: running }) };
      return current;
    },
    current: () => current,
  };
};
