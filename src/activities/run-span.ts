import type { FinishInput } from '../domain/job.ts';
import { jobWorkflowId } from '../domain/naming.ts';
import { spanOf, spanOfRun } from '../domain/trace.ts';
import type { Tracer } from '../ports.ts';

export type EndedRun = Pick<
  FinishInput,
  'jobId' | 'state' | 'attempt' | 'failure' | 'traceId' | 'startedAt'
> & { readonly endedAtMs?: number };

/** Tells of the run as a whole, above its activities and below the request that made the job. */
export function noteRun(tracer: Tracer, run: EndedRun, runId: string): void {
  const { traceId, startedAt, failure, endedAtMs } = run;
  if (!traceId || startedAt === undefined || endedAtMs === undefined) return;
  tracer.note({
    name: 'job',
    traceparent: traceId,
    id: spanOfRun(runId),
    parentId: spanOf(traceId),
    startedAtMs: Date.parse(startedAt),
    endedAtMs,
    attributes: {
      'orchestrator.job.id': run.jobId,
      'orchestrator.job.outcome': run.state,
      'orchestrator.job.attempt': run.attempt,
      'temporal.workflow.id': jobWorkflowId(run.jobId),
      'temporal.run.id': runId,
    },
    ...(failure ? { error: failure.code } : {}),
  });
}
