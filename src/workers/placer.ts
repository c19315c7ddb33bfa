import { CancelledFailure } from '@temporalio/common';
import { promptIdFor } from '../activities/prompt-id.ts';
import type { ClaimInput } from '../activities/activity-types.ts';
import type { LeaseStore } from '../db/leases.ts';
import type { RunStore } from '../db/runs.ts';
import type { Wakeups } from '../db/wakeups.ts';
import type { Lease } from '../domain/job.ts';
import { place, type WaitingClaim } from '../domain/placement.ts';
import { OrchestratorError, messageOf } from '../errors.ts';
import type { Logger } from '../ports.ts';

export interface PlacerDeps {
  readonly pool: string;
  readonly leases: LeaseStore;
  readonly runs: RunStore;
  /** AIR of the checkpoint a job needs. */
  readonly modelOf: (jobId: string) => Promise<string>;
  readonly wakeups: Pick<Wakeups, 'on'>;
  readonly pollMs: number;
  readonly logger: Logger;
}

export interface ClaimRequest extends ClaimInput {
  readonly runId: string;
  readonly scheduledAtMs: number;
}

export interface Placer {
  /** Resolves when a server is granted. Throws `conflict` (final) when the job is over or superseded. */
  claim(request: ClaimRequest, signal: AbortSignal): Promise<Lease>;
  close(): void;
}

interface Waiting extends WaitingClaim {
  readonly request: ClaimRequest;
  resolve(lease: Lease): void;
  reject(error: unknown): void;
}

/**
 * Grants servers of one pool to the claims that wait in this process. Several placers may run: the lease row decides,
 * and a refused grant is simply tried again.
 */
export function createPlacer(deps: PlacerDeps): Placer {
  const waiting = new Map<string, Waiting>();
  let order = 0;
  let placing = false;
  let again = false;

  const grant = async (entry: Waiting, serverId: string, reason: string): Promise<void> => {
    const { request } = entry;
    const answer = await deps.leases.grant({
      jobId: request.jobId,
      runId: request.runId,
      attempt: request.attempt,
      tenant: request.tenant,
      serverId,
      model: entry.model,
      reason,
      traceId: request.traceId,
      promptId: (runIndex) => promptIdFor(request.jobId, runIndex, request.attempt),
    });
    if (answer.outcome === 'full' || answer.outcome === 'held') return;
    if (waiting.get(entry.key) === entry) waiting.delete(entry.key);
    if (answer.outcome === 'granted') entry.resolve(answer.lease);
    else entry.reject(closedJob(request.jobId));
  };

  const pass = async (): Promise<void> => {
    if (waiting.size === 0) return;
    const servers = await deps.leases.listRoom(deps.pool);
    for (const { key, serverId, reason } of place([...waiting.values()], servers)) {
      const entry = waiting.get(key);
      if (entry) await grant(entry, serverId, reason);
    }
  };

  const run = async (): Promise<void> => {
    if (placing) {
      again = true;
      return;
    }
    placing = true;
    try {
      do {
        again = false;
        await pass();
      } while (again);
    } catch (error) {
      deps.logger.warn(
        { pool: deps.pool, error: messageOf(error) },
        'placement failed; trying again',
      );
    } finally {
      placing = false;
    }
  };

  const stopListening = deps.wakeups.on('room', () => void run());
  const poll = setInterval(() => void run(), deps.pollMs);

  return {
    async claim(request, signal) {
      if (request.release) await deps.leases.release(request.release);
      const [runIndex, model, held] = await Promise.all([
        deps.runs.openRun(request.jobId, request.runId),
        deps.modelOf(request.jobId),
        deps.leases.listOfRun(request.jobId, request.runId),
      ]);
      if (runIndex === undefined) throw closedJob(request.jobId);
      // A try before this one may have been granted and have died before it could say so: its lease is this one's.
      const mine = held.find((lease) => lease.attempt === request.attempt);
      if (mine) return mine;
      const key = `${request.runId}/${request.attempt}`;
      return new Promise<Lease>((resolve, reject) => {
        const { priority } = request;
        const entry = { key, priority, order: order++, model, request, resolve, reject };
        const stop = (): void => {
          // The attempt may wait again already, with another claim in this one's place.
          if (waiting.get(key) === entry) waiting.delete(key);
          reject(new CancelledFailure('claim was told to stop'));
        };
        if (signal.aborted) return stop();
        waiting.set(key, entry);
        signal.addEventListener('abort', stop, { once: true });
        void run();
      });
    },
    close() {
      clearInterval(poll);
      stopListening();
    },
  };
}

const closedJob = (jobId: string): OrchestratorError =>
  new OrchestratorError(
    'conflict',
    `Job ${jobId} is over or was superseded by another run; it takes no server.`,
  );
