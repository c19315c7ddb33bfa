import { messageOf } from '../errors.ts';
import type { Logger, Metrics } from '../ports.ts';

export interface LoopOptions {
  readonly name: string;
  readonly pollMs: number;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  /** Ends early once `closing` is aborted, where it could take long. */
  readonly pass: (closing: AbortSignal) => Promise<void>;
  /** Registers for wake-ups; returns how to stop. */
  readonly subscribe?: (wake: () => void) => () => void;
}

export interface Loop {
  wake(): void;
  /** Resolves when the pass under way has ended. */
  close(): Promise<void>;
}

/** Runs a pass on every wake-up and at least every `pollMs`, never two at a time; a failed pass is logged and repeated. */
export function createLoop(options: LoopOptions): Loop {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  const closing = new AbortController();
  let failing = false;

  const notePass = (outcome: string, ms: number): void => {
    const loop = options.name;
    options.metrics?.count('loopPasses', { loop, outcome });
    options.metrics?.observe('loopSeconds', { loop }, ms / 1_000);
    if (outcome === 'completed') completedAt = performance.now();
  };
  let completedAt = performance.now();
  options.metrics?.addSource(`loop-${options.name}`, async () => {
    const value = (performance.now() - completedAt) / 1_000;
    return [{ metric: 'loopAge', labels: { loop: options.name }, value }];
  });

  const run = async (): Promise<void> => {
    do {
      again = false;
      const startedAt = performance.now();
      try {
        await options.pass(closing.signal);
        failing = false;
      } catch (error) {
        // One line when trouble starts; the poll goes on quietly until it is over.
        options.logger[failing ? 'debug' : 'warn'](
          { part: options.name, error: messageOf(error) },
          `${options.name}: pass failed; trying again every ${options.pollMs} ms`,
        );
        failing = true;
      }
      notePass(failing ? 'failed' : 'completed', performance.now() - startedAt);
    } while (again && !closing.signal.aborted && !failing);
    running = undefined;
    if (!closing.signal.aborted) timer = setTimeout(wake, options.pollMs);
  };

  const wake = (): void => {
    if (closing.signal.aborted) return;
    if (running) {
      again = true;
      return;
    }
    clearTimeout(timer);
    running = run();
  };

  const unsubscribe = options.subscribe?.(wake);
  wake();
  return {
    wake,
    async close() {
      closing.abort();
      unsubscribe?.();
      clearTimeout(timer);
      await running;
    },
  };
}
