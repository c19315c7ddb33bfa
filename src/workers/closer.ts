import type { Client } from '@temporalio/client';
import { finishRecordOf } from '../activities/finish-record.ts';
import { noteRun, type EndedRun } from '../activities/run-span.ts';
import { projectEvents } from '../client/event-projection.ts';
import type { JobRuns } from '../client/job-runs.ts';
import { endStatusOf, readRunEvents } from '../client/run-history.ts';
import { outcomeOfHistory, type RunOutcome } from '../client/run-outcome.ts';
import type { Closing } from '../db/closing.ts';
import type { LeaseStore } from '../db/leases.ts';
import type { RunStore } from '../db/runs.ts';
import type { NewSnapshot, SnapshotStore } from '../db/snapshots.ts';
import { tellEnd, type Wakeups } from '../db/wakeups.ts';
import { JOB_WORKFLOW, jobIdOfWorkflow } from '../domain/naming.ts';
import type { BlobStore, Logger, Metrics, Tracer } from '../ports.ts';
import { createLoop, type Loop } from './loop.ts';

export interface CloserDeps {
  readonly client: Client;
  readonly runs: Pick<JobRuns, 'describe' | 'startWithdraw' | 'isRunClosed'>;
  readonly closing: Closing;
  readonly runStore: Pick<RunStore, 'finish'>;
  readonly storage: Pick<BlobStore, 'stat'>;
  readonly blobRetentionDays: number;
  readonly leases: LeaseStore;
  readonly snapshots: SnapshotStore;
  readonly wakeups: Pick<Wakeups, 'wake'>;
  readonly pollMs: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
}

const WATERMARK = 'closer';
/** Visibility is eventually consistent: each pass looks behind its mark again, now and then much further. */
const OVERLAP_MS = 5_000;
const LONG_OVERLAP_MS = 120_000;
const LONG_LOOK_EVERY = 30;
/** Runs done in the overlap are remembered, so that they are not read again. */
const REMEMBERED = 20_000;
/** A lease this old should have a living run. */
const LEASE_AGE_MS = 2_000;
/** Runs whose events are read in a pass. */
const KEPT_RUNS = 200;
/** Of them, those whose events go to the database in one statement. */
const WRITTEN_TOGETHER = 20;
/** Runs that ended so told no tracer of it. */
const WITHOUT_FINISH: ReadonlySet<string> = new Set(['TERMINATED', 'TIMED_OUT']);
/** Active rows checked against Temporal in a pass, and after one that found something wrong: a restore leaves many. */
const CHECKED_ROWS = 5;
const CHECKED_ROWS_AFTER_FIND = 100;

/**
 * Terminate, time-outs, deletes and resets run no code of ours. The closer sees what they leave: it snapshots the events
 * of closed runs, makes rows agree, and has prompts withdrawn whose run is gone. Every step may be repeated.
 */
export function createCloser(deps: CloserDeps): Loop {
  const done = new Set<string>();
  /** Runs to tell the tracer of once their events are kept, which happens once. */
  const untold = new Map<string, EndedRun>();
  let passes = 0;
  let checkedRows = CHECKED_ROWS;
  let cursor = '00000000-0000-0000-0000-000000000000';

  const freeLeases = async (jobId: string, runId: string): Promise<void> => {
    for (const lease of await deps.leases.listOfRun(jobId, runId)) {
      deps.logger.info(
        { jobId, promptId: lease.promptId, server: lease.serverId },
        'run is over: withdrawing its prompt',
      );
      await deps.runs.startWithdraw(lease);
      deps.metrics.count('loopWork', { loop: 'closer', work: 'withdraw_started' });
    }
  };

  /** What the run had stored, if it is still there; the blob store may have been restored as well. */
  const stored = async (outcome: RunOutcome): Promise<RunOutcome> => {
    for (const { storageKey } of outcome.outputs ?? [])
      if (!(await deps.storage.stat(storageKey)))
        return {
          tenant: outcome.tenant,
          attempt: outcome.attempt,
          state: 'failed',
          failure: {
            code: 'output_missing',
            message: `The run had stored ${storageKey}, which is no longer in the blob store. Submit the job again if it is still wanted.`,
          },
        };
    return outcome;
  };

  /** Makes the row say how its run ended. True when it did not. */
  const agree = async (jobId: string, runId: string, outcome: RunOutcome): Promise<boolean> => {
    const newest = await deps.runs.describe(jobId);
    if (newest.state === 'unknown') return historyLost(jobId);
    // A reset closes a run and makes the next one, which writes the row itself.
    if (newest.state === 'open' || newest.runId !== runId) return false;
    const { outputs, state, failure, attempt, tenant, task } = await stored(outcome);
    const ended = { jobId, tenant, attempt, state, outputs: outputs ?? [], releaseLease: false };
    const changed = outputs
      ? (await deps.runStore.finish(finishRecordOf(ended, runId, deps.blobRetentionDays))).isDone
      : await deps.closing.endRun(jobId, runId, state, failure, task);
    if (changed) tellEnd(deps.wakeups, jobId);
    return changed;
  };

  const keepEvents = async (snapshots: readonly NewSnapshot[]): Promise<void> => {
    const kept = new Set(await deps.snapshots.insertSnapshots(snapshots));
    for (const { runId } of snapshots) {
      const run = untold.get(runId);
      untold.delete(runId);
      if (run && kept.has(runId)) noteRun(deps.tracer, run, runId);
    }
  };

  /** True when the row had to be changed. `isActive`: it says that the job goes on. `keep` takes the events. */
  const closeRun = async (
    jobId: string,
    runId: string,
    isActive: boolean,
    keep = (snapshot: NewSnapshot) => keepEvents([snapshot]),
  ): Promise<boolean> => {
    const events = await readRunEvents(deps.client, jobId, runId);
    const outcome = events && outcomeOfHistory(events);
    // The row ends a moment before its run does.
    if (events && !outcome) return false;
    const status = events ? (endStatusOf(events) ?? 'UNKNOWN') : 'UNKNOWN';
    if (outcome && WITHOUT_FINISH.has(status))
      untold.set(runId, { jobId, ...outcome, ...outcome.run });
    if (events) await keep({ jobId, runId, status, events: projectEvents(runId, events) });
    else await deps.snapshots.giveUpEvents(jobId, runId);
    // A run that completed has finished, which wrote the row and ended the lease, unless the database is an older one.
    const changed =
      (isActive || status !== 'COMPLETED') &&
      (await agree(jobId, runId, outcome ?? outcomeWithoutHistory(status)));
    if (isActive || status !== 'COMPLETED') await freeLeases(jobId, runId);
    remember(done, runId);
    deps.metrics.count('loopWork', { loop: 'closer', work: 'run_closed' });
    return changed;
  };

  /** Runs of which the database knows that they are over. */
  const endedRuns = async (): Promise<void> => {
    const failures: unknown[] = [];
    const taken: NewSnapshot[] = [];
    const write = async (): Promise<void> => {
      const written = taken.splice(0);
      if (written.length > 0) await keepEvents(written);
    };
    const take = async (snapshot: NewSnapshot): Promise<void> => {
      taken.push(snapshot);
      if (taken.length >= WRITTEN_TOGETHER) await write();
    };
    for (const { jobId, runId } of await deps.snapshots.listNotKept(KEPT_RUNS))
      await closeRun(jobId, runId, false, take).catch((error: unknown) => failures.push(error));
    await write().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };

  /** Runs of which only Temporal knows that they are over. */
  const closedRuns = async (): Promise<void> => {
    const mark = await deps.snapshots.findWatermark(WATERMARK);
    const overlapMs = passes++ % LONG_LOOK_EVERY === 0 ? LONG_OVERLAP_MS : OVERLAP_MS;
    const since = new Date((mark?.getTime() ?? 0) - overlapMs);
    // The mark is a time that Temporal gave: this machine's clock may be ahead of it, and what closed since would be missed.
    let newest = mark;
    // SQL visibility gives an open run a close time in the far future, so that its state has to be asked for as well.
    const query = `WorkflowType = '${JOB_WORKFLOW}' AND ExecutionStatus != 'Running' AND ExecutionStatus != 'Completed' AND CloseTime >= '${(mark ? since : new Date(0)).toISOString()}'`;
    const failures: unknown[] = [];
    for await (const run of deps.client.workflow.list({ query, pageSize: 200 })) {
      if (run.closeTime && !(newest && newest >= run.closeTime)) newest = run.closeTime;
      const jobId = jobIdOfWorkflow(run.workflowId);
      if (jobId === undefined || done.has(run.runId)) continue;
      // One run that cannot be closed does not keep the others open; the mark stays, so it is tried again.
      await closeRun(jobId, run.runId, false).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
    if (newest) await deps.snapshots.updateWatermark(WATERMARK, newest);
  };

  const strayLeases = async (): Promise<void> => {
    for (const lease of await deps.leases.listOlderThan(LEASE_AGE_MS)) {
      const newest = await deps.runs.describe(lease.jobId);
      if (newest.state === 'open' && newest.runId === lease.runId) continue;
      if (newest.state === 'unknown') await historyLost(lease.jobId);
      await freeLeases(lease.jobId, lease.runId);
    }
  };

  const historyLost = async (jobId: string): Promise<boolean> => {
    if (!(await deps.closing.loseHistory(jobId))) return false;
    deps.logger.warn({ jobId }, 'Temporal does not know the run any more: history_lost');
    tellEnd(deps.wakeups, jobId);
    return true;
  };

  /**
   * A few active rows in turn, so that a run that was deleted while it waited is noticed, and one that had ended when
   * the database was restored from before that.
   */
  const strayRows = async (): Promise<void> => {
    const ids = await deps.closing.listActiveAfter(cursor, checkedRows);
    cursor = ids.at(-1) ?? '00000000-0000-0000-0000-000000000000';
    let found = 0;
    for (const id of ids) {
      const newest = await deps.runs.describe(id);
      if (newest.state === 'open') continue;
      const changed =
        newest.state === 'unknown' ? await historyLost(id) : await closeRun(id, newest.runId, true);
      if (changed) found += 1;
    }
    checkedRows = found > 0 ? CHECKED_ROWS_AFTER_FIND : CHECKED_ROWS;
  };

  return createLoop({
    name: 'closer',
    pollMs: deps.pollMs,
    logger: deps.logger,
    metrics: deps.metrics,
    async pass() {
      const failures: unknown[] = [];
      // One part that fails does not keep the others from their work.
      for (const part of [closedRuns, endedRuns, strayLeases, strayRows])
        await part().catch((error: unknown) => failures.push(error));
      if (failures.length > 0) throw failures[0];
    },
  });
}

function remember(done: Set<string>, runId: string): void {
  done.add(runId);
  if (done.size > REMEMBERED) for (const oldest of done) return void done.delete(oldest);
}

/** Of a run that Temporal deleted between two looks. */
const outcomeWithoutHistory = (status: string): RunOutcome => ({
  tenant: '',
  attempt: 1,
  state: 'failed',
  failure: { code: 'internal', message: `The run ended as ${status}; its history is gone.` },
});
