import type { Dependencies, WaitScope } from '../db/dependencies.ts';
import type { Wakeups } from '../db/wakeups.ts';
import type { Logger, Metrics } from '../ports.ts';
import { createLoop, type Loop } from './loop.ts';

export interface DependencyWatchDeps {
  readonly dependencies: Pick<Dependencies, 'settle'>;
  readonly wakeups: Pick<Wakeups, 'on' | 'wake'>;
  readonly pollMs: number;
  readonly logger: Logger;
  readonly metrics?: Metrics;
}

/** Jobs settled in one transaction. */
const TAKE = 200;
/** Ends are told by wake-ups; so often all waiting jobs are looked at, in case one was lost. */
const LOOK_AT_ALL_MS = 5_000;

/**
 * Lets jobs go on that waited for others, and ends those whose others did not succeed. Several may run at a time; what one
 * leaves undone because it dies, the next look does.
 */
export function createDependencyWatch(deps: DependencyWatchDeps): Loop {
  const { dependencies, wakeups } = deps;
  const ended = new Set<string>();
  let lookedAtAllAt = -Infinity;

  const settle = async (scope: WaitScope, closing: AbortSignal): Promise<void> => {
    for (let left = true; left && !closing.aborted;) {
      const settled = await dependencies.settle(scope, TAKE);
      for (const work of ['released', 'ended'] as const)
        for (const _id of settled[work])
          deps.metrics?.count('loopWork', { loop: 'dependencies', work });
      if (settled.released.length > 0) wakeups.wake('outbox');
      // Tells this loop as well: jobs may wait for the ones that ended here.
      for (const id of settled.ended) wakeups.wake('done', id);
      left = settled.released.length + settled.ended.length === TAKE;
    }
  };

  return createLoop({
    name: 'dependencies',
    pollMs: deps.pollMs,
    logger: deps.logger,
    ...(deps.metrics ? { metrics: deps.metrics } : {}),
    subscribe(wake) {
      const hear = (ids: readonly string[]): void => {
        if (ids.length === 0) lookedAtAllAt = -Infinity;
        for (const id of ids) ended.add(id);
        wake();
      };
      const stops = [wakeups.on('done', hear), wakeups.on('dependencies', hear)];
      return () => stops.forEach((stop) => stop());
    },
    async pass(closing) {
      const neededIds = [...ended];
      ended.clear();
      const isAllDue = performance.now() - lookedAtAllAt >= LOOK_AT_ALL_MS;
      const lastLook = isAllDue ? performance.now() : lookedAtAllAt;
      // Should this look fail, the next one is at all.
      lookedAtAllAt = -Infinity;
      if (isAllDue) await settle('all', closing);
      else if (neededIds.length > 0) await settle({ neededIds }, closing);
      lookedAtAllAt = lastLook;
    },
  });
}
