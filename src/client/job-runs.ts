import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  type Client,
} from '@temporalio/client';
import { defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';
import type { JobRow } from '../db/job-row.ts';
import { titleOf } from '../domain/job-needs.ts';
import type { JobInput, Lease } from '../domain/job.ts';
import {
  CPU_QUEUE,
  JOB_WORKFLOW,
  WITHDRAW_WORKFLOW,
  jobWorkflowId,
  withdrawWorkflowId,
  type SearchAttribute,
} from '../domain/naming.ts';
import { isTask } from '../domain/task.ts';
import { queuePriority } from '../domain/tenant-policy.ts';
import { ownTimeLimits, type TimeLimits } from '../domain/time-limits.ts';
import { traceOf } from '../domain/trace.ts';
import { isNotFound } from './temporal.ts';
import type { TenantPolicies } from './tenant-policies.ts';

export interface JobRunOptions {
  readonly priorityAgeMs: number;
  readonly serverLostAfterMs: number;
  readonly timeLimits?: TimeLimits;
  /** (Default: every tenant has weight 1) */
  readonly policies?: TenantPolicies;
}

/** How a run stands for Temporal. */
export type RunState =
  | { readonly state: 'unknown' }
  | { readonly state: 'open'; readonly runId: string }
  | { readonly state: 'closed'; readonly runId: string; readonly status: string };

export type JobRuns = ReturnType<typeof createJobRuns>;

/** Starting, cancelling and looking at the Temporal runs of jobs. Every call has a deadline. */
export function createJobRuns(client: Client, options: JobRunOptions) {
  const within = <T>(ms: number, call: () => Promise<T>): Promise<T> =>
    client.connection.withDeadline(Date.now() + ms, call);

  const describe = async (jobId: string, runId?: string): Promise<RunState> => {
    try {
      const handle = client.workflow.getHandle(jobWorkflowId(jobId), runId);
      const found = await within(5_000, () => handle.describe());
      return found.status.name === 'RUNNING'
        ? { state: 'open', runId: found.runId }
        : { state: 'closed', runId: found.runId, status: found.status.name };
    } catch (error) {
      if (isNotFound(error)) return { state: 'unknown' };
      throw error;
    }
  };

  return {
    describe,

    /**
     * Starts the job's run, or finds that it was started before: the id is the job's and a closed run is never repeated.
     * Resolves when Temporal has acknowledged either.
     */
    async start(job: JobRow, deadlineMs: number): Promise<void> {
      const input = await toInput(job, options);
      try {
        await within(deadlineMs, () =>
          client.workflow.start(JOB_WORKFLOW, {
            workflowId: jobWorkflowId(job.id),
            taskQueue: CPU_QUEUE,
            args: [input],
            workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
            workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
            staticSummary: summaryOf(job),
            typedSearchAttributes: searchAttributes(job),
            priority: queuePriority(input, job.priority),
          }),
        );
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
    },

    /** Asks the run to cancel, or exactly that one. False when Temporal knows no such open run of the job. */
    async cancel(jobId: string, runId?: string): Promise<boolean> {
      try {
        await within(5_000, () => client.workflow.getHandle(jobWorkflowId(jobId), runId).cancel());
        return true;
      } catch (error) {
        if (isNotFound(error)) return false;
        throw error;
      }
    },

    /** Starts the run that takes a prompt off its server and then frees the room; one at a time per prompt. */
    async startWithdraw(lease: Lease): Promise<void> {
      await within(5_000, () =>
        client.workflow.start(WITHDRAW_WORKFLOW, {
          workflowId: withdrawWorkflowId(lease.promptId),
          taskQueue: CPU_QUEUE,
          args: [lease],
          workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
          staticSummary: `withdraws ${lease.promptId} from ${lease.serverId}`,
        }),
      );
    },

    /** Whether exactly this run is over or unknown. */
    async isRunClosed(workflowId: string, runId: string): Promise<boolean> {
      try {
        const found = await within(5_000, () =>
          client.workflow.getHandle(workflowId, runId).describe(),
        );
        return found.status.name !== 'RUNNING';
      } catch (error) {
        if (isNotFound(error)) return true;
        throw error;
      }
    },
  };
}

async function toInput(job: JobRow, options: JobRunOptions): Promise<JobInput> {
  const { policies, timeLimits = {}, ...rules } = options;
  const ownLimits = ownTimeLimits(timeLimits, job.class);
  const { weight } = (await policies?.())?.(job.tenant) ?? { weight: 1 };
  return {
    jobId: job.id,
    tenant: job.tenant,
    jobType: job.type,
    jobClass: job.class,
    ecosystem: job.ecosystem,
    pool: job.pool,
    traceId: job.traceId,
    expireAt: job.expireAt.toISOString(),
    priority: job.priority,
    maxAttempts: job.maxAttempts,
    ...(weight === 1 ? {} : { fairnessWeight: weight }),
    ...(job.timeoutMs === null ? {} : { timeoutMs: job.timeoutMs }),
    ...(ownLimits ? { timeLimits: ownLimits } : {}),
    ...rules,
  };
}

const summaryOf = (job: JobRow): string =>
  isTask(job.generation) ? job.type : `${job.type} · ${job.ecosystem} · ${titleOf(job.generation)}`;

function searchAttributes(job: JobRow): SearchAttributePair[] {
  const values: Record<SearchAttribute, string> = {
    Tenant: job.tenant,
    Ecosystem: job.ecosystem,
    JobType: job.type,
    Pool: job.pool,
    BatchId: job.batchId,
    TraceId: traceOf(job.traceId),
  };
  return Object.entries(values).map(([name, value]) => ({
    key: defineSearchAttributeKey(name, 'KEYWORD'),
    value,
  }));
}
