import { messageOf } from '../errors.ts';
import type { Executor, FleetReporter, Logger } from '../ports.ts';
import { createLoop, type Loop } from './loop.ts';

export interface FleetWatchOptions {
  readonly executor: Executor;
  readonly reporter: FleetReporter;
  readonly pool: string;
  readonly room: () => number;
  readonly everyMs: number;
  readonly logger: Logger;
  /** Called after each report, so that placement looks again. */
  readonly onReport?: () => void;
}

/** Asks a server how it is and reports that, again and again; tells the log only what changes. */
export function createFleetWatch(options: FleetWatchOptions): Loop {
  const { executor, reporter, pool, room, logger } = options;
  let reachable: boolean | undefined;
  return createLoop({
    name: 'fleet-watch',
    pollMs: options.everyMs,
    logger,
    async pass() {
      const report = await executor.probe().catch((error: unknown) => ({
        serverId: executor.serverId,
        reachable: false,
        error: messageOf(error),
      }));
      await reporter.report({ ...report, pool, room: room() });
      options.onReport?.();
      if (report.reachable !== reachable) {
        reachable = report.reachable;
        const fields = { server: executor.serverId, pool, error: report.error };
        if (reachable) logger.info(fields, 'server answers');
        else logger.warn(fields, 'server does not answer');
      }
    },
  });
}
