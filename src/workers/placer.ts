import { setTimeout as delay } from 'node:timers/promises';
import { CancelledFailure } from '@temporalio/common';
import { promptIdFor } from '../activities/prompt-id.ts';
import type { ClaimInput } from '../activities/activity-types.ts';
import type { JobRuns } from '../client/job-runs.ts';
import type { LeaseStore } from '../db/leases.ts';
import type { RunStore } from '../db/runs.ts';
import type { Wakeups } from '../db/wakeups.ts';
import type { Lease } from '../domain/job.ts';
import { jobWorkflowId } from '../domain/naming.ts';
import {
  hasRoom,
  overtake,
  place,
  type Placement,
  type WaitingClaim,
} from '../domain/placement.ts';
import { OrchestratorError, messageOf } from '../errors.ts';
import type { Logger } from '../ports.ts';

export interface PlacerDeps {
  readonly pool: string;
  readonly leases: LeaseStore;
  readonly runs: RunStore;
  readonly wakeups: Pick<Wakeups, 'on'>;
  readonly isRunClosed: JobRuns['isRunClosed'];
  /** PLACEMENT_WINDOW: nobody is overtaken by more later claims than this. */
  readonly placementWindow: number;
  readonly affinityWaitMs: number;
  readonly tenantLimits: () => Promise<(tenant: string) => number>;
  readonly pollMs: number;
  readonly logger: Logger;
}

/** When to look whether the run of an ended job is closed; after that it is left to the heartbeat. */
const CLOSED_AFTER_MS = [100, 400, 1_000, 2_000];

/** What a waiting claim has behind it; a later try of the same claim goes on with it. */
export interface ClaimWait {
  readonly enteredAtMs: number;
  readonly overtaken: number;
  readonly overtakenAtMs?: number;
}

export interface ClaimRequest extends ClaimInput {
  readonly runId: string;
  readonly scheduledAtMs: number;
  /** What an earlier try told of its wait. */
  readonly earlier?: ClaimWait;
}

export interface Placer {
  /**
   * Resolves when a server is granted; `onWait` is told how the wait goes. Throws `conflict` (final) when the job is
   * over or superseded.
   */
  claim(
    request: ClaimRequest,
    signal: AbortSignal,
    onWait?: (wait: ClaimWait) => void,
  ): Promise<Lease>;
  close(): void;
}

interface Waiting {
  claim: Omit<WaitingClaim, 'servers'>;
  readonly request: ClaimRequest;
  readonly enteredAtMs: number;
  readonly onWait: (wait: ClaimWait) => void;
  resolve(lease: Lease): void;
  reject(error: unknown): void;
}

/**
 * Grants servers of one pool to the claims that wait in this process. Several placers may run: the lease row decides,
 * and a refused grant is simply tried again. How often a claim was overtaken is counted here and goes with its
 * heartbeats to the next placer should this one die; claims of other placers are not counted.
 */
export function createPlacer(deps: PlacerDeps): Placer {
  const waiting = new Map<string, Waiting>();
  let lastOrder = 0;
  let placing = false;
  let again = false;
  /** The last pass gave away all the room there was: another claim changes nothing. */
  let isFull = false;

  const grant = async (entry: Waiting, placement: Placement, tenantLimit: number) => {
    const { request } = entry;
    const answer = await deps.leases.grant({
      jobId: request.jobId,
      runId: request.runId,
      attempt: request.attempt,
      tenant: request.tenant,
      serverId: placement.serverId,
      model: entry.claim.model,
      reason: placement.reason,
      traceId: request.traceId,
      tenantLimit,
      promptId: (runIndex) => promptIdFor(request.jobId, runIndex, request.attempt),
    });
    if (answer.outcome === 'full') return answer.outcome;
    leave(entry);
    if (answer.outcome === 'granted') entry.resolve(answer.lease);
    // The hold had this claim cancelled before it was written; the workflow claims anew after a resume.
    else if (answer.outcome === 'held') entry.reject(new CancelledFailure('the job is held'));
    else entry.reject(closedJob(request.jobId));
    return answer.outcome;
  };

  /** The attempt may wait again already, with another claim in this one's place. */
  const leave = (entry: Waiting): void => {
    if (waiting.get(entry.claim.key) === entry) waiting.delete(entry.claim.key);
  };

  const noteOvertaken = (keys: readonly string[], nowMs: number): void => {
    for (const key of keys) {
      const entry = waiting.get(key);
      if (!entry) continue;
      entry.claim = overtake(entry.claim, nowMs);
      const { overtaken, overtakenAtMs = nowMs } = entry.claim;
      entry.onWait({ enteredAtMs: entry.enteredAtMs, overtaken, overtakenAtMs });
    }
  };

  /** Not before the run is closed: an answer to an open run makes Temporal repeat the task that is closing it. */
  const dropWhenClosed = async (entry: Waiting): Promise<void> => {
    const { jobId, runId } = entry.request;
    for (const ms of CLOSED_AFTER_MS) {
      await delay(ms, undefined, { ref: false });
      if (waiting.get(entry.claim.key) !== entry) return;
      if (!(await deps.isRunClosed(jobWorkflowId(jobId), runId).catch(() => false))) continue;
      leave(entry);
      return entry.reject(closedJob(jobId));
    }
  };

  const pass = async (): Promise<void> => {
    // What room there is shows when the next claim looks.
    isFull = false;
    if (waiting.size === 0) return;
    const [servers, tenantLimit] = await Promise.all([
      deps.leases.listRoom(deps.pool),
      deps.tenantLimits(),
    ]);
    const isLimited = [...waiting.values()].some(
      ({ request }) => tenantLimit(request.tenant) !== Infinity,
    );
    const running = isLimited ? await deps.leases.countRunning() : new Map<string, number>();
    const nowMs = Date.now();
    const ids = new Set(servers.map(({ id }) => id));
    const claims = [...waiting.values()].map(({ claim }) => ({ ...claim, servers: ids }));
    const { placementWindow: maxOvertaken, affinityWaitMs } = deps;
    const rules = { nowMs, maxOvertaken, affinityWaitMs, tenantLimit, running };
    const placements = place(claims, servers, rules);
    for (const placement of placements) {
      const entry = waiting.get(placement.key);
      const outcome = entry && (await grant(entry, placement, tenantLimit(entry.request.tenant)));
      if (outcome === 'granted') noteOvertaken(placement.overtakes, nowMs);
      // The room of a claim that is over goes to the next; that claim has left the window.
      else again = true;
      // What follows was planned as if this one were placed, and might overtake it once too often.
      if (outcome === 'full') break;
    }
    const left = servers.filter(hasRoom).reduce((sum, { room, used }) => sum + room - used, 0);
    isFull = !again && left <= placements.length;
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
    async claim(request, signal, onWait = () => undefined) {
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
      const { enteredAtMs = Date.now(), overtaken = 0, overtakenAtMs } = request.earlier ?? {};
      // Claims of one millisecond keep the order in which they came, also when the clock is set back.
      const order = request.earlier ? enteredAtMs : Math.max(enteredAtMs, lastOrder + 0.001);
      lastOrder = Math.max(lastOrder, order);
      return new Promise<Lease>((resolve, reject) => {
        const { priority, tenant } = request;
        const { model } = opened;
        const claim = { key, priority, order, model, tenant, overtaken, overtakenAtMs };
        const entry = { claim, request, enteredAtMs, onWait, resolve, reject };
        const stop = (): void => {
          leave(entry);
          reject(new CancelledFailure('claim was told to stop'));
        };
        if (signal.aborted) return stop();
        waiting.set(key, entry);
        onWait({
          enteredAtMs,
          overtaken,
          ...(overtakenAtMs === undefined ? {} : { overtakenAtMs }),
        });
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

const closedJob = (jobId: string): OrchestratorError =>
  new OrchestratorError(
    'conflict',
    `Job ${jobId} is over or was superseded by another run; it takes no server.`,
  );
