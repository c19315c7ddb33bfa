import { workflowInfo } from '@temporalio/workflow';
import type { FinishInput, JobInput } from '../domain/job.ts';
import { recordProxy } from './proxies.ts';

/** Writes how the job ended, with what is known of its run. */
export const writeEnd = (
  input: JobInput,
  attempt: number,
  outcome: Omit<FinishInput, 'jobId' | 'tenant' | 'attempt' | 'traceId' | 'startedAt'>,
): Promise<void> =>
  recordProxy().finish({
    jobId: input.jobId,
    tenant: input.tenant,
    attempt,
    traceId: input.traceId,
    startedAt: workflowInfo().startTime.toISOString(),
    ...outcome,
  });
