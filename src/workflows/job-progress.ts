import { defineQuery, defineSignal, setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { JobInput, JobStatusView, Lease, Stage, TimelineEntry } from '../domain/job.ts';
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
  enter(stage: Stage, text: string): void;
}

/** Registers the handlers; call before the first await. `onHold` runs when a hold arrives. */
export function trackProgress(input: JobInput, onHold: () => void): JobProgress {
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
    enter,
  };
  setHandler(holdSignal, () => {
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
