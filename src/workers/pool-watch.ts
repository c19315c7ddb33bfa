import type { Worker } from '@temporalio/worker';
import type { FleetOperations } from '../db/fleet-operations.ts';
import type { Logger } from '../ports.ts';
import type { CpuWorkers } from './cpu-worker.ts';
import { createLoop, type Loop } from './loop.ts';

export interface PoolWatchDeps {
  readonly fleet: Pick<FleetOperations, 'listPools'>;
  readonly placers: Pick<CpuWorkers, 'hasPool' | 'addPool'>;
  readonly run: (worker: Worker) => void;
  readonly everyMs: number;
  readonly logger: Logger;
}

/**
 * Gives every pool that a server is reported in its placer, so that a new pool needs no restart. A placer whose pool
 * has no server any more stays: jobs may still wait for one.
 */
export const createPoolWatch = ({ fleet, placers, run, everyMs, logger }: PoolWatchDeps): Loop =>
  createLoop({
    name: 'pool-watch',
    pollMs: everyMs,
    logger,
    async pass(closing) {
      for (const pool of await fleet.listPools()) {
        if (placers.hasPool(pool) || closing.aborted) continue;
        run(await placers.addPool(pool));
        logger.info({ pool }, 'a new pool gets its placer');
      }
    },
  });
