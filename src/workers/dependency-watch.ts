import type { Dependencies, WaitScope } from '../db/dependencies.ts';
import { tellEnd, type Wakeups } from '../db/wakeups.ts';
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
  /** Jobs of which the wake-ups said since the last look at all that others wait for them. */
  const lately = new Set<string>();
  let lookedAtAllAt = -Infinity;

  const settle = async (scope: WaitScope, closing: AbortSignal): Promise<void> => {
    for (let left = true; left && !closing.aborted;) {
      const settled = await dependencies.settle(scope, TAKE);
      for (const work of ['released', 'ended'] as const)
        for (const _id of settled[work])
          deps.metrics?.count('loopWork', { loop: 'dependencies', work });
      if (settled.released.length > 0) wakeups.wake('outbox');
      // Tells this loop as well: jobs may wait for the ones that ended here.
      for (const id of settled.ended) tellEnd(wakeups, id);
      left = settled.released.length + settled.ended.length === TAKE;
    }
  };

  return createLoop({
    name: 'dependencies',
    pollMs: deps.pollMs,
    logger: deps.logger,
    ...(deps.metrics ? { metrics: deps.metrics } : {}),
    subscribe(wake) {
      const look = (ids: readonly string[]): void => {
        for (const id of ids) ended.add(id);
        wake();
      };
      const stops = [
        // Of ends that others wait for, and of jobs that others have just begun to wait for.
        wakeups.on('dependencies', (ids) => {
          if (ids.length === 0) lookedAtAllAt = -Infinity;
          for (const id of ids) lately.add(id);
          look(ids);
        }),
        // An end that was written while a job began to wait for it did not see that; other ends are no business of this.
        wakeups.on('done', (ids) => {
          const named = ids.filter((id) => lately.has(id));
          if (named.length > 0) look(named);
        }),
      ];
      return () => stops.forEach((stop) => stop());
    },
    async pass(closing) {
      const neededIds = [...ended];
      ended.clear();
      const isAllDue = performance.now() - lookedAtAllAt >= LOOK_AT_ALL_MS;
      if (isAllDue) lately.clear();
      const lastLook = isAllDue ? performance.now() : lookedAtAllAt;
      // Should this look fail, the next one is at all.
      lookedAtAllAt = -Infinity;
      if (isAllDue) await settle('all', closing);
      else if (neededIds.length > 0) await settle({ neededIds }, closing);
      lookedAtAllAt = lastLook;
    },
  });
}
