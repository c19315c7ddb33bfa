import { setTimeout as delay } from 'node:timers/promises';
import { CancelledFailure } from '@temporalio/common';
import { promptIdFor } from '../activities/prompt-id.ts';
import type { JobRuns } from '../client/job-runs.ts';
import type { TenantPolicies } from '../client/tenant-policies.ts';
import type { LeaseStore } from '../db/leases.ts';
import type { RunStore } from '../db/runs.ts';
import type { ServerRoom } from '../db/server-room.ts';
import type { Wakeups } from '../db/wakeups.ts';
import { needsOf } from '../domain/job-needs.ts';
import type { Lease } from '../domain/job.ts';
import { jobWorkflowId } from '../domain/naming.ts';
import { hasRoom, place, type Placement } from '../domain/placement.ts';
import { serversToTry } from '../domain/suspects.ts';
import { OrchestratorError, messageOf } from '../errors.ts';
import type { Logger } from '../ports.ts';
import { createClaimRouting, type ClaimRoutingDeps } from './claim-routing.ts';
import { createReturns, surplusOf } from './step-aside.ts';
import {
  createWaitingClaims,
  type ClaimRequest,
  type ClaimWait,
  type Waiting,
} from './waiting-claims.ts';
import { createWindowTurns } from './window-turns.ts';

export interface PlacerDeps extends ClaimRoutingDeps {
  readonly leases: LeaseStore;
  readonly runs: RunStore;
  readonly wakeups: Pick<Wakeups, 'on'>;
  readonly jobRuns: Pick<JobRuns, 'isRunClosed' | 'cancel'>;
  /** PLACEMENT_WINDOW: nobody is overtaken by more later claims than this. */
  readonly placementWindow: number;
  readonly affinityWaitMs: number;
  readonly policies: TenantPolicies;
  readonly pollMs: number;
  readonly logger: Logger;
}

/** When to look whether the run of an ended job is closed; after that it is left to the heartbeat. */
const CLOSED_AFTER_MS = [100, 400, 1_000, 2_000];

/** A cancel reaches a claim with a heartbeat, of which there is one in 5 s; the workflow goes on without waiting for it. */
const CANCELED_WITHIN_MS = 15_000;

export interface Placer {
  /**
   * Resolves when a server is granted; `onWait` is told how the wait goes. Throws `conflict` (final) when the job is
   * over or superseded, `model_missing` (final) when no known server can run it any more, and a retryable failure when
   * it steps aside for others.
   */
  claim(
    request: ClaimRequest,
    signal: AbortSignal,
    onWait?: (wait: ClaimWait) => void,
  ): Promise<Lease>;
  close(): void;
}

/**
 * Grants servers of one pool to the claims that wait in this process. Several placers may run: the lease row decides,
 * and a refused grant is simply tried again. How often a claim was overtaken is counted here and goes with its
 * heartbeats to the next placer should this one die; claims of other placers are not counted.
 */
export function createPlacer(deps: PlacerDeps): Placer {
  const waiting = createWaitingClaims();
  const routing = createClaimRouting(deps);
  const nextReturn = createReturns();
  const turns = createWindowTurns();
  let placing = false;
  let again = false;
  /** The last pass gave away all the room there was: another claim changes nothing. */
  let isFull = false;
  /** Passes that were asked for: what was read before another one is not to be gone by. */
  let looks = 0;

  /**
   * Opening a run waits for no disk, so a crash of the database may lose it behind a claim that goes on waiting. True
   * when this was so, and the run is open again.
   */
  const reopen = async (entry: Waiting): Promise<boolean> => {
    const opened = await deps.runs.openClaim(entry.request.jobId, entry.request.runId);
    if (!opened?.isNew) return false;
    entry.runIndex = opened.runIndex;
    return true;
  };

  const grant = async (entry: Waiting, placement: Placement, tenantLimit: number) => {
    const { request } = entry;
    const answer = await deps.leases.grant({
      jobId: request.jobId,
      runId: request.runId,
      runIndex: entry.runIndex,
      attempt: request.attempt,
      tenant: request.tenant,
      serverId: placement.serverId,
      promptId: promptIdFor(request.jobId, entry.runIndex, request.attempt),
      model: entry.claim.model,
      reason: placement.reason,
      traceId: request.traceId,
      tenantLimit,
    });
    if (answer.outcome === 'full') return answer.outcome;
    if (answer.outcome === 'closed' && (await reopen(entry))) return answer.outcome;
    waiting.leave(entry);
    if (answer.outcome === 'granted') entry.resolve(answer.lease);
    // The hold had this claim cancelled before it was written; the workflow claims anew after a resume.
    else if (answer.outcome === 'held') entry.reject(new CancelledFailure('the job is held'));
    else entry.reject(closedJob(request.jobId));
    return answer.outcome;
  };

  /** Not before the run is closed: an answer to an open run makes Temporal repeat the task that is closing it. */
  const dropWhenClosed = async (entry: Waiting): Promise<void> => {
    const { jobId, runId } = entry.request;
    for (const ms of CLOSED_AFTER_MS) {
      await delay(ms, undefined, { ref: false });
      if (!waiting.has(entry)) return;
      if (!(await deps.jobRuns.isRunClosed(jobWorkflowId(jobId), runId).catch(() => false)))
        continue;
      waiting.leave(entry);
      return entry.reject(closedJob(jobId));
    }
  };

  /** The job was cancelled while its start was under way, so that no run could be told; this one is told now. */
  const unwanted = async ({ jobId, runId }: ClaimRequest, signal: AbortSignal): Promise<Error> => {
    if (await deps.jobRuns.cancel(jobId, runId))
      await delay(CANCELED_WITHIN_MS, undefined, { signal }).catch(() => undefined);
    return signal.aborted ? new CancelledFailure('the job was cancelled') : closedJob(jobId);
  };

  /** Ends claims that no known server can run any more. */
  const dropLost = async (lost: readonly Waiting[]): Promise<void> => {
    for (const entry of lost) {
      const loss = await routing.findLoss(entry);
      // The lists were older than the job: the next pass has those of now.
      if (!loss) continue;
      waiting.leave(entry);
      entry.reject(loss);
    }
  };

  /** Lets others in while a server idles that none of a full window can use. */
  const makeWay = (looked: readonly Waiting[]): void => {
    const nowMs = Date.now();
    const here = looked.filter((entry) => waiting.has(entry));
    for (const { entry } of surplusOf(here.map(orderOf), deps.placementWindow)) {
      const { inMs, failure } = nextReturn(nowMs);
      // Temporal would end the claim at once, and its workflow would ask anew without a pause.
      if (nowMs + inMs >= entry.request.untilMs) continue;
      waiting.leave(entry);
      entry.reject(failure);
    }
  };

  /** `known`: room of this pool that was read just now. */
  const planOf = async (looked: readonly Waiting[], known: readonly ServerRoom[] | null) => {
    const [{ able, lost }, policyOf] = await Promise.all([routing.route(looked), deps.policies()]);
    const tenantLimit = (tenant: string): number => policyOf(tenant).maxRunning ?? Infinity;
    const weightOf = (tenant: string): number => policyOf(tenant).weight;
    const ids = new Set([...able.values()].flatMap((each) => [...each]));
    const isKnown = known?.length && [...ids].every((id) => known.some((one) => one.id === id));
    const servers = isKnown ? known : await deps.leases.listRoom(deps.pool, [...ids]);
    const isLimited = looked.some(({ request }) => tenantLimit(request.tenant) !== Infinity);
    const running = isLimited ? await deps.leases.countRunning() : new Map<string, number>();
    const nowMs = Date.now();
    const isReachable = new Set(servers.flatMap(({ id, reachable }) => (reachable ? id : [])));
    const claims = looked.map((entry) => {
      const ids = able.get(entry) ?? new Set<string>();
      const { suspectedOf } = entry.request;
      // One that went down waits for no server: what it may try instead has to answer.
      const here = (): Set<string> => new Set([...ids].filter((id) => isReachable.has(id)));
      return { ...entry.claim, servers: suspectedOf ? serversToTry(here(), suspectedOf) : ids };
    });
    const { placementWindow: maxOvertaken, affinityWaitMs } = deps;
    // One a server, so that the turn of a tenant comes with the second job that each server takes.
    const maxOvertakenByOthers = Math.max(1, servers.filter(({ reachable }) => reachable).length);
    const placements = place(turns.inTurn(claims, weightOf), servers, {
      ...{ nowMs, maxOvertaken, maxOvertakenByOthers, affinityWaitMs, tenantLimit, running },
    });
    return { placements, servers, lost, tenantLimit, weightOf, nowMs };
  };

  const pass = async (known: readonly ServerRoom[] | null): Promise<void> => {
    // What room there is shows when the next claim looks.
    isFull = false;
    const looked = waiting.all();
    if (looked.length === 0) return;
    const { placements, servers, lost, tenantLimit, weightOf, nowMs } = await planOf(looked, known);
    for (const placement of placements) {
      const entry = waiting.find(placement.key);
      const outcome = entry && (await grant(entry, placement, tenantLimit(entry.request.tenant)));
      if (entry && outcome === 'granted') {
        waiting.noteOvertaken(placement.overtakes, nowMs, entry.claim);
        turns.take(entry.claim.tenant, weightOf);
      }
      // The room of a claim that is over goes to the next; that claim has left the window.
      else again = true;
      // What follows was planned as if this one were placed, and might overtake it once too often.
      if (outcome === 'full') break;
    }
    await dropLost(lost);
    const left = servers
      .filter((server) => server.pool === deps.pool && hasRoom(server))
      .reduce((sum, { id, room, used }) => {
        const given = placements.filter(({ serverId }) => serverId === id).length;
        return sum + room - used - given;
      }, 0);
    isFull = !again && left <= 0 && servers.every(({ pool }) => pool === deps.pool);
    if (!again && left > 0) makeWay(looked);
  };

  const run = async (known: readonly ServerRoom[] | null = null): Promise<void> => {
    looks += 1;
    if (placing) {
      again = true;
      return;
    }
    placing = true;
    try {
      again = false;
      await pass(known);
      while (again) {
        again = false;
        await pass(null);
      }
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
    for (const entry of waiting.all())
      if (ended.has(entry.request.jobId)) void dropWhenClosed(entry);
  });
  const poll = setInterval(() => void run(), deps.pollMs);

  return {
    async claim(request, signal, onWait = () => undefined) {
      if (request.release) await deps.leases.release(request.release);
      // Before anything is granted: the server may be back already.
      if (request.abandoned) await deps.leases.giveUp(request.abandoned);
      const { jobId } = request;
      const looksBefore = looks;
      const pool = isFull || placing ? undefined : deps.pool;
      const opened = await deps.runs.openClaim(jobId, request.runId, pool);
      if (!opened) throw await unwanted(request, signal);
      // A try before this one may have been granted and have died before it could say so: its lease is this one's.
      const held = opened.isNew ? [] : await deps.leases.listOfRun(jobId, request.runId);
      const mine = held.find((lease) => lease.attempt === request.attempt);
      if (mine) return mine;
      return new Promise<Lease>((resolve, reject) => {
        const stopped = new CancelledFailure('claim was told to stop');
        if (signal.aborted) return reject(stopped);
        const needs = needsOf(opened.shape, opened.resources);
        const { runIndex, servers } = opened;
        const entry = waiting.enter(request, { runIndex, needs, onWait, resolve, reject });
        const stop = (): void => {
          waiting.leave(entry);
          reject(stopped);
        };
        signal.addEventListener('abort', stop, { once: true });
        if (!isFull) void run(looks === looksBefore ? servers : null);
      });
    },
    close() {
      clearInterval(poll);
      stopListening();
      stopEnds();
    },
  };
}

const orderOf = (entry: Waiting) => ({ order: entry.claim.order, entry });

const closedJob = (jobId: string): OrchestratorError =>
  new OrchestratorError(
    'conflict',
    `Job ${jobId} is over or was superseded by another run; it takes no server.`,
  );
