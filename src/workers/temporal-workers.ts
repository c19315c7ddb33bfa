import type { Worker } from '@temporalio/worker';
import { DefaultLogger, Runtime, makeTelemetryFilterString } from '@temporalio/worker';
import { messageOf } from '../errors.ts';
import type { Logger } from '../ports.ts';

let installed = false;
let metricsAddress: string | undefined;

/**
 * Installs the SDK's runtime, once per process; our own code handles signals and logs. The first caller decides where
 * the SDK's own metrics are (an address of loopback); returned is where they are.
 */
export function installRuntime(logger: Logger, bindAddress?: string): string | undefined {
  if (installed) return metricsAddress;
  installed = true;
  metricsAddress = bindAddress;
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
      // Said for every worker that only has activities; failures of activities have a line of our own.
      if (message.startsWith('No workflows registered') || message === 'Activity failed') return;
      const fields = {
        sdk: true,
        error: messageOf((meta as { error?: unknown } | undefined)?.error ?? ''),
      };
      if (level === 'ERROR') logger.error(fields, message);
      else logger.warn(fields, message);
    }),
    telemetryOptions: {
      logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }), forward: {} },
      ...(bindAddress === undefined
        ? {}
        : {
            metrics: {
              prometheus: {
                bindAddress,
                countersTotalSuffix: true,
                unitSuffix: true,
                useSecondsForDurations: true,
              },
            },
          }),
    },
  });
  return metricsAddress;
}

export interface RunningWorkers {
  /** Rejects when a worker fails; resolves after `close`. */
  readonly finished: Promise<void>;
  /** Runs one more beside them. */
  add(worker: Worker): void;
  /** Takes nothing new, lets activities finish within their grace time. */
  close(): Promise<void>;
}

/** Runs workers side by side; the failure of one ends them all. */
export function runWorkers(workers: readonly Worker[]): RunningWorkers {
  const all: Worker[] = [];
  const runs: Promise<void>[] = [];
  let stopping = false;
  let end: () => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;
  const finished = new Promise<void>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  const stop = (): void => {
    stopping = true;
    for (const worker of all) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  finished.catch(stop);
  const add = (worker: Worker): void => {
    all.push(worker);
    const run = worker.run();
    run.catch(fail);
    runs.push(run);
    // A worker that was made has to be run and ended, or its connection cannot be closed.
    if (stopping) worker.shutdown();
  };
  workers.forEach(add);
  return {
    finished,
    add,
    async close() {
      stop();
      await Promise.allSettled(runs);
      end();
    },
  };
}
