import { setTimeout as delay } from 'node:timers/promises';
import { CancelledFailure } from '@temporalio/common';
import { promptIdFor } from '../activities/prompt-id.ts';
import type { ClaimInput } from '../activities/activity-types.ts';
import type { JobRuns } from '../client/job-runs.ts';
import type { LeaseStore, ServerRoom } from '../db/leases.ts';
import type { RunStore } from '../db/runs.ts';
import type { Wakeups } from '../db/wakeups.ts';
import type { Lease } from '../domain/job.ts';
import { jobWorkflowId } from '../domain/naming.ts';
import { place, type WaitingClaim } from '../domain/placement.ts';
import { OrchestratorError, messageOf } from '../errors.ts';
import type { Logger } from '../ports.ts';

export interface PlacerDeps {
  readonly pool: string;
  readonly leases: LeaseStore;
  readonly runs: RunStore;
  readonly wakeups: Pick<Wakeups, 'on'>;
  readonly isRunClosed: JobRuns['isRunClosed'];
  readonly pollMs: number;
  readonly logger: Logger;
}

/** When to look whether the run of an ended job is closed; after that it is left to the heartbeat. */
const CLOSED_AFTER_MS = [100, 400, 1_000, 2_000];

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
  /** The last pass gave away all the room there was: another claim changes nothing. */
  let isFull = false;

  /** True when the claim took the room, or another placer had taken it before. */
  const grant = async (entry: Waiting, serverId: string, reason: string): Promise<boolean> => {
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
    if (answer.outcome === 'full') return true;
    if (waiting.get(entry.key) === entry) waiting.delete(entry.key);
    if (answer.outcome === 'granted') entry.resolve(answer.lease);
    // The hold had this claim cancelled before it was written; the workflow claims anew after a resume.
    else if (answer.outcome === 'held') entry.reject(new CancelledFailure('the job is held'));
    else entry.reject(closedJob(request.jobId));
    return answer.outcome === 'granted';
  };

  /** Not before the run is closed: an answer to an open run makes Temporal repeat the task that is closing it. */
  const dropWhenClosed = async (entry: Waiting): Promise<void> => {
    const { jobId, runId } = entry.request;
    for (const ms of CLOSED_AFTER_MS) {
      await delay(ms, undefined, { ref: false });
      if (waiting.get(entry.key) !== entry) return;
      if (!(await deps.isRunClosed(jobWorkflowId(jobId), runId).catch(() => false))) continue;
      if (waiting.get(entry.key) === entry) waiting.delete(entry.key);
      return entry.reject(closedJob(jobId));
    }
  };

  const pass = async (): Promise<void> => {
    // What room there is shows when the next claim looks.
    isFull = false;
    if (waiting.size === 0) return;
    const servers = await deps.leases.listRoom(deps.pool);
    const placements = place([...waiting.values()], servers);
    for (const { key, serverId, reason } of placements) {
      const entry = waiting.get(key);
      // The room of a claim that is over goes to the next; that claim has left the window.
      if (!entry || !(await grant(entry, serverId, reason))) again = true;
    }
    isFull = !again && roomLeft(servers) <= placements.length;
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
  /** A cancel or a terminate reaches a waiting claim with its next heartbeat; the end of its job is told sooner. */
  const stopEnds = deps.wakeups.on('done', (ids) => {
    const ended = new Set(ids);
    for (const entry of waiting.values())
      if (ended.has(entry.request.jobId)) void dropWhenClosed(entry);
  });
  const poll = setInterval(() => void run(), deps.pollMs);

  return {
    async claim(request, signal) {
      if (request.release) await deps.leases.release(request.release);
      // Before anything is granted: the server may be back already.
      if (request.abandoned) await deps.leases.giveUp(request.abandoned);
      const opened = await deps.runs.openRun(request.jobId, request.runId);
      if (!opened) throw closedJob(request.jobId);
      // A try before this one may have been granted and have died before it could say so: its lease is this one's.
      const held = opened.isNew ? [] : await deps.leases.listOfRun(request.jobId, request.runId);
      const mine = held.find((lease) => lease.attempt === request.attempt);
      if (mine) return mine;
      const key = `${request.runId}/${request.attempt}`;
      return new Promise<Lease>((resolve, reject) => {
        const { priority } = request;
        const { model } = opened;
        const entry = { key, priority, order: order++, model, request, resolve, reject };
        const stop = (): void => {
          // The attempt may wait again already, with another claim in this one's place.
          if (waiting.get(key) === entry) waiting.delete(key);
          reject(new CancelledFailure('claim was told to stop'));
        };
        if (signal.aborted) return stop();
        waiting.set(key, entry);
        signal.addEventListener('abort', stop, { once: true });
        if (!isFull) void run();
      });
    },
    close() {
      clearInterval(poll);
      stopListening();
      stopEnds();
    },
  };
}

const roomLeft = (servers: readonly ServerRoom[]): number =>
  servers.reduce(
    (left, { reachable, room, used }) => left + (reachable ? Math.max(0, room - used) : 0),
    0,
  );

const closedJob = (jobId: string): OrchestratorError =>
  new OrchestratorError(
    'conflict',
    `Job ${jobId} is over or was superseded by another run; it takes no server.`,
  );
