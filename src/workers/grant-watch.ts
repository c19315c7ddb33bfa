import type { LeaseStore } from '../db/leases.ts';
import type { Lease } from '../domain/job.ts';
import type { Logger, Metrics } from '../ports.ts';
import { createLoop, type Loop } from './loop.ts';

export interface GrantWatchDeps {
  readonly leases: Pick<LeaseStore, 'listUntaken'>;
  /** Tells a run of its lease; false when it does not wait for it. */
  readonly deliver: (lease: Lease) => Promise<boolean>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const LOOK_EVERY_MS = 1_000;
/** A claim answers within milliseconds; prepare may take longer, and such a run is asked for less and less often. */
const UNTAKEN_AFTER_MS = 2_000;
const MOST_PAUSE_MS = 60_000;

/**
 * Tells runs of leases that their claim could not tell them of: its placer died behind the grant, or it moved up a level
 * in that moment. Its next claim would be given the same lease, but may stand behind others that fill the window and wait
 * for the very room that this lease keeps. Two of these do the same work twice, which changes nothing.
 */
export function createGrantWatch({ leases, deliver, logger, metrics }: GrantWatchDeps): Loop {
  const asked = new Map<string, { readonly atMs: number; readonly pauseMs: number }>();

  const look = async (lease: Lease): Promise<void> => {
    const { jobId, promptId, traceId, serverId } = lease;
    const last = asked.get(promptId);
    if (last && performance.now() - last.atMs < last.pauseMs) return;
    const pauseMs = Math.min(MOST_PAUSE_MS, 2 * (last?.pauseMs ?? UNTAKEN_AFTER_MS));
    asked.set(promptId, { atMs: performance.now(), pauseMs });
    if (!(await deliver(lease))) return;
    metrics.count('loopWork', { loop: 'grants', work: 'delivered' });
    logger.info({ jobId, traceId, server: serverId }, 'its claim could not tell it of its server');
  };

  return createLoop({
    name: 'grants',
    pollMs: LOOK_EVERY_MS,
    logger,
    metrics,
    async pass() {
      const untaken = await leases.listUntaken(UNTAKEN_AFTER_MS);
      const known = new Set(untaken.map(({ promptId }) => promptId));
      for (const promptId of asked.keys()) if (!known.has(promptId)) asked.delete(promptId);
      for (const lease of untaken) await look(lease);
    },
  });
}
