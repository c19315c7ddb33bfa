import type { Client } from '@temporalio/client';
import { projectEvents } from '../client/event-projection.ts';
import type { JobRuns } from '../client/job-runs.ts';
import { endStatusOf, readRunEvents } from '../client/run-history.ts';
import type { Closing } from '../db/closing.ts';
import type { LeaseStore } from '../db/leases.ts';
import type { SnapshotStore } from '../db/snapshots.ts';
import type { Wakeups } from '../db/wakeups.ts';
import type { JobFailure, TerminalState } from '../domain/job.ts';
import { JOB_WORKFLOW, jobIdOfWorkflow } from '../domain/naming.ts';
import type { Logger, Metrics } from '../ports.ts';
import { createLoop, type Loop } from './loop.ts';

export interface CloserDeps {
  readonly client: Client;
  readonly runs: Pick<JobRuns, 'describe' | 'startWithdraw' | 'isRunClosed'>;
  readonly closing: Closing;
  readonly leases: LeaseStore;
  readonly snapshots: SnapshotStore;
  readonly wakeups: Pick<Wakeups, 'wake'>;
  readonly pollMs: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
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
/** Active rows checked against Temporal in a pass. */
const CHECKED_ROWS = 5;

/**
 * Terminate, time-outs, deletes and resets run no code of ours. The closer sees what they leave: it snapshots the events
 * of closed runs, makes rows agree, and has prompts withdrawn whose run is gone. Every step may be repeated.
 */
export function createCloser(deps: CloserDeps): Loop {
  const done = new Set<string>();
  let passes = 0;
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

  const agree = async (jobId: string, runId: string, status: string): Promise<void> => {
    const newest = await deps.runs.describe(jobId);
    if (newest.state === 'unknown') return historyLost(jobId);
    // A reset closes a run and makes the next one, which writes the row itself.
    if (newest.state === 'open' || newest.runId !== runId) return;
    const changed = await deps.closing.endRun(jobId, runId, ...outcomeOf(status));
    if (changed) deps.wakeups.wake('done', jobId);
  };

  const closeRun = async (jobId: string, runId: string): Promise<void> => {
    const events = await readRunEvents(deps.client, jobId, runId);
    const status = events ? endStatusOf(events) : 'UNKNOWN';
    // The row ends a moment before its run does.
    if (status === undefined) return;
    if (events)
      await deps.snapshots.insertSnapshot(jobId, {
        runId,
        status,
        events: projectEvents(runId, events),
      });
    else await deps.snapshots.giveUpEvents(jobId, runId);
    // A run that completed has finished, which wrote the row and ended the lease.
    if (status !== 'COMPLETED') {
      await agree(jobId, runId, status);
      await freeLeases(jobId, runId);
    }
    remember(done, runId);
    deps.metrics.count('loopWork', { loop: 'closer', work: 'run_closed' });
  };

  /** Runs of which the database knows that they are over. */
  const endedRuns = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const { jobId, runId } of await deps.snapshots.listNotKept(KEPT_RUNS))
      await closeRun(jobId, runId).catch((error: unknown) => failures.push(error));
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
      await closeRun(jobId, run.runId).catch((error: unknown) => failures.push(error));
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

  const historyLost = async (jobId: string): Promise<void> => {
    if (!(await deps.closing.loseHistory(jobId))) return;
    deps.logger.warn({ jobId }, 'Temporal does not know the run any more: history_lost');
    deps.wakeups.wake('done', jobId);
  };

  /** A few active rows in turn, so that a run that was deleted while it waited is noticed too. */
  const strayRows = async (): Promise<void> => {
    const ids = await deps.closing.listActiveAfter(cursor, CHECKED_ROWS);
    cursor = ids.at(-1) ?? '00000000-0000-0000-0000-000000000000';
    for (const id of ids) {
      const newest = await deps.runs.describe(id);
      if (newest.state === 'unknown') await historyLost(id);
      else if (newest.state === 'closed' && newest.status !== 'COMPLETED')
        await agree(id, newest.runId, newest.status);
    }
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

function outcomeOf(status: string): [TerminalState, JobFailure | undefined] {
  if (status === 'CANCELLED' || status === 'CANCELED') return ['canceled', undefined];
  if (status === 'TIMED_OUT')
    return ['expired', { code: 'timed_out', message: 'The run timed out in Temporal.' }];
  if (status === 'TERMINATED')
    return [
      'failed',
      {
        code: 'terminated',
        message: 'The run was terminated in Temporal. Submit the job again if it is still wanted.',
      },
    ];
  return [
    'failed',
    { code: 'internal', message: `The run ended as ${status} without writing its outcome.` },
  ];
}
