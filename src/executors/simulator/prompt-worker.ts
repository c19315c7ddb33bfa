import type { DrawingPause } from './drawing-pause.ts';
import { createExecutionCache } from './execution-cache.ts';
import type { ExecutionLog } from './execution-log.ts';
import type { FaultBook } from './faults.ts';
import type { NodeDefinition, NodeDefinitions } from './graph/node-definitions.ts';
import { isRecord } from './graph/prompt-graph.ts';
import { InterruptedError, type FileType, type NodeContext } from './nodes/node-context.ts';
import { createSavedNumbers } from './nodes/saved-numbers.ts';
import { contentDigest } from './nodes/input-files.ts';
import { throwPlannedFailure } from './node-failure.ts';
import { asciiJson } from './picture/encode-png.ts';
import { createProgressReporter, type ProgressReporter } from './progress-reporter.ts';
import type { PromptHistory } from './prompt-history.ts';
import type { PromptQueue, QueueItem } from './prompt-queue.ts';
import { runPrompt } from './run-prompt.ts';
import type { SocketHub } from './socket-hub.ts';

export interface WorkerDeps {
  readonly queue: PromptQueue;
  readonly history: PromptHistory;
  readonly hub: SocketHub;
  readonly faults: FaultBook;
  readonly log: ExecutionLog;
  readonly definitions: NodeDefinitions;
  directory(type: FileType): string;
  embeddings(): readonly string[];
  sendStatus(): void;
  exit(code: number): void;
  readonly pause: DrawingPause;
  readonly stepMs: number;
  readonly modelLoadMs: number;
  readonly unthrottledProgress: boolean;
  readonly previewMethod: string;
}

export interface PromptWorker {
  /** Something was queued. */
  wake(): void;
  interrupt(): void;
  readonly running: QueueItem | undefined;
  readonly client: { readonly clientId: string | undefined; readonly nodeId: string | undefined };
  /** Between prompts: forget the node cache, and the loaded models. */
  free(memory: boolean): void;
  /** Resolves once nothing runs any more; no prompt is taken after the call. */
  stop(): Promise<void>;
}

/** A running prompt is interrupted this long at most without giving way to the rest of the process. */
const BREATH_MS = 8;

/** The one worker: strictly one prompt at a time. An error outside a node ends it, as in the original. */
export const createPromptWorker = (deps: WorkerDeps): PromptWorker => {
  const cache = createExecutionCache();
  const loaded = new Set<string>();
  const savedNumbers = createSavedNumbers();
  let running: QueueItem | undefined;
  let nodeId: string | undefined;
  let clientId: string | undefined;
  let interrupted = false;
  let dead = false;
  let stopping = false;
  let freeMemory = false;
  let loop: Promise<void> | undefined;
  let endSleep: (() => void) | undefined;
  let breathedAt = 0;

  const sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      endSleep = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const breathe = async (): Promise<void> => {
    if (performance.now() - breathedAt < BREATH_MS) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    breathedAt = performance.now();
  };
  const checkInterrupted = (): void => {
    if (!interrupted && !stopping) return;
    interrupted = false;
    throw new InterruptedError();
  };
  const loadModel = async (file: string): Promise<void> => {
    if (loaded.has(file)) return;
    if (deps.modelLoadMs > 0) await sleep(deps.modelLoadMs);
    loaded.add(file);
  };

  const contextOf =
    (item: QueueItem, progress: ProgressReporter) =>
    (id: string, definition: NodeDefinition, classType: string): NodeContext => ({
      classType,
      outputTypes: definition.output.map((type) => (typeof type === 'string' ? type : 'COMBO')),
      embeddings: deps.embeddings(),
      directory: deps.directory,
      savedNumbers,
      pngText: () => {
        const extra = item[3]['extra_pnginfo'];
        const text = { prompt: asciiJson(item[2]) };
        if (!isRecord(extra)) return text;
        return Object.fromEntries([
          ...Object.entries(text),
          ...Object.entries(extra).map(([key, value]) => [key, asciiJson(value)]),
        ]) as Record<string, string>;
      },
      loadModel,
      step: async (value, max, preview) => {
        if (deps.stepMs > 0) await sleep(deps.stepMs);
        else await breathe();
        // An interrupt before the pause is seen to first; one within it wakes.
        if (!interrupted && !stopping) await deps.pause.wait();
        if (deps.faults.take('drop-sockets', (fault) => fault.atStep === value)) deps.hub.dropAll();
        const exit = deps.faults.take('exit', (fault) => fault.atStep === value);
        if (exit) deps.exit(exit.code);
        checkInterrupted();
        throwPlannedFailure(deps.faults, id, classType, value);
        progress.update(id, value, max, preview);
      },
    });

  const runOne = async (item: QueueItem): Promise<void> => {
    interrupted = false;
    clientId = typeof item[3]['client_id'] === 'string' ? item[3]['client_id'] : undefined;
    const method = item[3]['preview_method'];
    const progress = createProgressReporter(deps.hub, {
      promptId: item[1],
      clientId,
      unthrottled: deps.unthrottledProgress,
      previews: (typeof method === 'string' ? method : deps.previewMethod) !== 'none',
    });
    const finishLog = deps.log.start(item[1], clientId);
    const result = await runPrompt(item, {
      hub: deps.hub,
      cache,
      faults: deps.faults,
      progress,
      find: deps.definitions.find,
      contentOf: (classType, inputs) => contentDigest(classType, inputs, deps.directory),
      checkInterrupted,
      breathe,
      setNode: (id) => {
        nodeId = id;
      },
      context: contextOf(item, progress),
    });
    finishLog(result.outcome, result.executed);
    running = undefined;
    if (!deps.faults.take('lose-history')) deps.history.put(item[1], result.entry);
    deps.sendStatus();
    if (clientId !== undefined) {
      deps.hub.send('executing', { node: null, prompt_id: item[1] }, clientId);
    }
  };

  const work = async (): Promise<void> => {
    while (!stopping && !dead && deps.queue.size > 0) {
      const death = deps.faults.take('worker-death');
      if (death?.pending) {
        dead = true;
        return;
      }
      // Throws on a tie of number and id: the popped item is lost and the worker is gone.
      const item = deps.queue.pop();
      if (!item) return;
      running = item;
      deps.sendStatus();
      if (death) {
        dead = true;
        return;
      }
      await runOne(item);
      if (freeMemory) {
        cache.clear();
        loaded.clear();
        freeMemory = false;
      }
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  };

  const wake = (): void => {
    if (loop || dead || stopping) return;
    loop = new Promise<void>((resolve) => setImmediate(resolve))
      .then(work)
      .catch(() => {
        dead = true;
      })
      .finally(() => {
        loop = undefined;
        // Queued after the loop looked for the last time.
        if (deps.queue.size > 0) wake();
      });
  };

  return {
    wake,
    interrupt: () => {
      interrupted = true;
      deps.pause.wake();
    },
    get running() {
      return running;
    },
    get client() {
      return { clientId, nodeId };
    },
    free: (memory) => {
      loaded.clear();
      if (!memory) return;
      if (running) freeMemory = true;
      else cache.clear();
    },
    stop: async () => {
      stopping = true;
      endSleep?.();
      deps.pause.wake();
      await loop;
    },
  };
};
