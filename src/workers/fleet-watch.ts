import { isOrchestratorError, messageOf } from '../errors.ts';
import type { Executor, FleetReport, FleetReporter, Logger, ServerReport } from '../ports.ts';
import { createLoop } from './loop.ts';

export interface FleetWatchOptions {
  readonly executor: Executor;
  readonly reporter: FleetReporter;
  /** What is configured, beside what the server says of itself. */
  readonly settings: Pick<FleetReport, 'pool' | 'room' | 'labels' | 'serves' | 'vramBytes'>;
  readonly worker: { readonly id: string; readonly startedAt: string };
  readonly everyMs: number;
  readonly logger: Logger;
  /** Called after a report that placement should know of. */
  readonly onChange?: () => void;
}

export interface FleetWatch {
  /** Somebody met this failure at the server: the fleet is told at once what that means. */
  noteFailure(error: unknown): void;
  /** Somebody got an answer of the server: when it counts as down, the fleet need not wait for the next probe. */
  noteAnswer(): void;
  /** Takes the server off the fleet unless other workers stand at it. */
  leave(): Promise<void>;
  close(): Promise<void>;
}

/** Asks a server how it is and reports that, again and again; tells the log only what changes. */
export function createFleetWatch(options: FleetWatchOptions): FleetWatch {
  const { executor, reporter, settings, worker, logger } = options;
  const { serverId } = executor;
  let reachable: boolean | undefined;
  let left = false;
  let sending: Promise<unknown> = Promise.resolve();

  const tell = (report: ServerReport): void => {
    if (report.reachable === reachable) return;
    reachable = report.reachable;
    const fields = { server: serverId, pool: settings.pool, error: report.error };
    if (reachable) logger.info(fields, 'server answers');
    else logger.warn(fields, 'server does not answer');
  };

  const send = async (report: ServerReport): Promise<void> => {
    const { files, nodeClasses, ...light } = report;
    const whole = { ...light, ...settings, worker };
    let answer = await reporter.report(whole);
    let { changed } = answer;
    if (answer.wantsLists && files && nodeClasses) {
      answer = await reporter.report({ ...whole, files, nodeClasses });
      changed ||= answer.changed;
    }
    if (changed) options.onChange?.();
  };

  const loop = createLoop({
    name: `fleet-watch ${serverId}`,
    pollMs: options.everyMs,
    logger,
    async pass() {
      if (left) return;
      const report = await executor.probe().catch((error: unknown) => ({
        serverId,
        reachable: false,
        error: messageOf(error),
      }));
      // What is known of the server is worth a line also while nobody takes the report.
      tell(report);
      // Asking may have taken long.
      if (!left) await (sending = send(report));
    },
  });

  return {
    noteFailure(error) {
      if (!isOrchestratorError(error) || left) return;
      if (error.code === 'model_missing') {
        executor.forgetLists();
        loop.wake();
      } else if (error.code === 'server_unreachable' && reachable !== false) loop.wake();
    },
    noteAnswer() {
      if (reachable === false && !left) loop.wake();
    },
    async leave() {
      left = true;
      // A report that arrives after the leave would undo it.
      await sending.catch(() => undefined);
      await reporter.leave({ serverId, workerId: worker.id });
      options.onChange?.();
    },
    close: () => loop.close(),
  };
}

/** The executor, with its answers and failures told to the watch before they are passed on. */
export function watchedExecutor(
  executor: Executor,
  watch: Pick<FleetWatch, 'noteFailure' | 'noteAnswer'>,
): Executor {
  const noting =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      try {
        const answer = await call(...args);
        watch.noteAnswer();
        return answer;
      } catch (error) {
        watch.noteFailure(error);
        throw error;
      }
    };
  return {
    ...executor,
    find: noting(executor.find),
    submit: noting(executor.submit),
    watch: noting(executor.watch),
    bootId: noting(executor.bootId),
    withdraw: noting(executor.withdraw),
    fetchOutput: noting(executor.fetchOutput),
  };
}
