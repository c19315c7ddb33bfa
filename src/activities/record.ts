import { activityInfo } from '@temporalio/activity';
import type { RunStore } from '../db/runs.ts';
import type { LeaseStore } from '../db/leases.ts';
import { tellEnd, type Wakeups } from '../db/wakeups.ts';
import { OrchestratorError } from '../errors.ts';
import type { FinishInput } from '../domain/job.ts';
import { jobWorkflowId } from '../domain/naming.ts';
import { spanOf, spanOfRun } from '../domain/trace.ts';
import type { Tracer } from '../ports.ts';
import type { RecordActivities } from './activity-types.ts';
import { withActivityFailures } from './failures.ts';
import { finishRecordOf } from './finish-record.ts';

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
      if (end.isDone) noteRun(deps.tracer, input, runId);
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

/** The run as a whole, above its activities and below the request that made the job. */
function noteRun(tracer: Tracer, input: FinishInput, runId: string): void {
  const { traceId, startedAt, failure } = input;
  if (traceId === undefined || startedAt === undefined) return;
  tracer.note({
    name: 'job',
    traceparent: traceId,
    id: spanOfRun(runId),
    parentId: spanOf(traceId),
    startedAtMs: Date.parse(startedAt),
    endedAtMs: Date.now(),
    attributes: {
      'orchestrator.job.id': input.jobId,
      'orchestrator.job.outcome': input.state,
      'orchestrator.job.attempt': input.attempt,
      'temporal.workflow.id': jobWorkflowId(input.jobId),
      'temporal.run.id': runId,
    },
    ...(failure ? { error: failure.code } : {}),
  });
}

function ownRunId(): string {
  const runId = activityInfo().workflowExecution?.runId;
  if (!runId) throw new OrchestratorError('internal', 'This activity runs only inside a workflow.');
  return runId;
}
