import { defineQuery, defineSignal, setCurrentDetails, setHandler } from '@temporalio/workflow';
import type {
  JobInput,
  JobStatusView,
  Lease,
  Salvage,
  Stage,
  StoredOutput,
  TimelineEntry,
} from '../domain/job.ts';
import { HOLD_SIGNAL, RESUME_SIGNAL, STATUS_QUERY, TIMELINE_QUERY } from '../domain/naming.ts';

const holdSignal = defineSignal(HOLD_SIGNAL);
const resumeSignal = defineSignal(RESUME_SIGNAL);
const statusQuery = defineQuery<JobStatusView>(STATUS_QUERY);
const timelineQuery = defineQuery<readonly TimelineEntry[]>(TIMELINE_QUERY);

/** What operators see of a running job, and the two signals they steer it with. */
export interface JobProgress {
  readonly held: () => boolean;
  attempt: number;
  lease: Lease | undefined;
  /** True while the server of the lease may hold the prompt. */
  posted: boolean;
  /** Where the files of this attempt are, once that is known. */
  salvage: Salvage | undefined;
  /** Start of the server that took the prompt of this attempt. */
  bootId: string | undefined;
  /** Stored although the drawing failed. */
  partial: readonly StoredOutput[];
  /** Makes ready for the next attempt; its number grows unless nothing of this one was posted. */
  next(isCounted: boolean): void;
  enter(stage: Stage, text: string): void;
}

/**
 * Registers the handlers; call before the first await. `onHold` runs when a hold arrives; a text says instead why a hold
 * changes nothing.
 */
export function trackProgress(input: JobInput, onHold: (() => void) | string): JobProgress {
  let held = false;
  let stage: Stage = 'accepted';
  const timeline: TimelineEntry[] = [];
  const enter = (next: Stage, text: string): void => {
    stage = next;
    timeline.push({ at: new Date().toISOString(), stage: next, text });
    const where = progress.lease ? ` on **${progress.lease.serverId}**` : '';
    setCurrentDetails(`**${next}**${where}: ${text}`);
  };
  const progress: JobProgress = {
    held: () => held,
    attempt: 1,
    lease: undefined,
    posted: false,
    salvage: undefined,
    bootId: undefined,
    partial: [],
    next(isCounted) {
      if (isCounted) {
        progress.attempt += 1;
        progress.posted = false;
      }
      progress.lease = undefined;
      progress.salvage = undefined;
      progress.bootId = undefined;
    },
    enter,
  };
  setHandler(holdSignal, () => {
    if (typeof onHold === 'string') {
      enter(stage, `not held: ${onHold}`);
      return;
    }
    held = true;
    onHold();
  });
  setHandler(resumeSignal, () => {
    held = false;
  });
  setHandler(statusQuery, () => ({
    jobId: input.jobId,
    stage,
    held,
    attempt: progress.attempt,
    ...(progress.lease ? { serverId: progress.lease.serverId } : {}),
  }));
  setHandler(timelineQuery, () => timeline);
  return progress;
}
