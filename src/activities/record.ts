import { activityInfo } from '@temporalio/activity';
import type { RunStore } from '../db/runs.ts';
import type { LeaseStore } from '../db/leases.ts';
import { tellEnd, type Wakeups } from '../db/wakeups.ts';
import { OrchestratorError } from '../errors.ts';
import type { Tracer } from '../ports.ts';
import type { RecordActivities } from './activity-types.ts';
import { withActivityFailures } from './failures.ts';
import { finishRecordOf } from './finish-record.ts';
import { noteRun } from './run-span.ts';

export interface RecordDeps {
  readonly runs: RunStore;
  readonly leases: LeaseStore;
  readonly wakeups: Pick<Wakeups, 'wake'>;
  readonly blobRetentionDays: number;
  readonly tracer: Tracer;
}

/** Local activities: one transaction each, idempotent by the row's (run index, attempt, stage). */
export const createRecordActivities = (deps: RecordDeps): RecordActivities =>
  withActivityFailures<RecordActivities>({
    async finish(input) {
      const runId = ownRunId();
      const end = await deps.runs.finish(finishRecordOf(input, runId, deps.blobRetentionDays));
      // An earlier try may have written it and died before it could tell: then all of it is told again.
      if (end.freesRoom || !end.isDone || input.state !== 'succeeded') deps.wakeups.wake('room');
      tellEnd(deps.wakeups, input.jobId, end.isDone ? end : undefined);
      if (end.isDone) noteRun(deps.tracer, { ...input, endedAtMs: Date.now() }, runId);
    },

    async setHeld({ jobId, attempt, held }) {
      await deps.runs.setHeld(jobId, ownRunId(), attempt, held);
      deps.wakeups.wake('room');
    },

    async releaseLease(lease) {
      await deps.leases.release(lease);
      deps.wakeups.wake('room');
    },
  });

function ownRunId(): string {
  const runId = activityInfo().workflowExecution?.runId;
  if (!runId) throw new OrchestratorError('internal', 'This activity runs only inside a workflow.');
  return runId;
}
