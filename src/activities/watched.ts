import { activityInfo } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { Lease } from '../domain/job.ts';
import { spanOfRun } from '../domain/trace.ts';
import type { Metrics, SpanFacts, Tracer } from '../ports.ts';

type AsyncFunction = (...args: never[]) => Promise<unknown>;

/** Where tries of activities are told to. */
export interface Watch {
  readonly metrics: Metrics;
  readonly tracer: Tracer;
}

/**
 * The same activities, each try of them timed, counted by its failure, and a span of the job's trace. Spans come from
 * activities and not from workflow code: that stays as it is, and so do recorded histories and payloads.
 */
export function watchActivities<T extends Record<keyof T, AsyncFunction>>(
  activities: T,
  { metrics, tracer }: Watch,
): T {
  const watched = Object.entries(activities).map(([activity, run]) => [
    activity,
    async (...args: never[]) => {
      const subject = subjectOf(args[0]);
      const startedAt = performance.now();
      const done = (outcome: string): void => {
        const seconds = (performance.now() - startedAt) / 1_000;
        metrics.observe('activitySeconds', { activity, outcome }, seconds);
      };
      const runWatched = (): Promise<unknown> => (run as AsyncFunction)(...args);
      try {
        const span = spanOf(activity, subject);
        const result = await (span ? tracer.during(span, runWatched) : runWatched());
        done('completed');
        return result;
      } catch (error) {
        const code = codeOf(error);
        done(code === 'canceled' ? 'canceled' : 'failed');
        const server = subject.lease?.serverId ?? '';
        metrics.count('activityFailures', { activity, code, server });
        throw error;
      }
    },
  ]);
  return Object.fromEntries(watched) as T;
}

const codeOf = (error: unknown): string => {
  if (error instanceof CancelledFailure) return 'canceled';
  return error instanceof ApplicationFailure ? (error.type ?? 'internal') : 'internal';
};

/** What an activity is about, as far as its input says. */
interface Subject {
  readonly traceId: string | undefined;
  readonly jobId: string | undefined;
  readonly attempt: number | undefined;
  readonly lease: Partial<Lease> | undefined;
}

/** The input is a lease, has one beside it, or (claim, finish) knows the job without one. */
function subjectOf(input: unknown): Subject {
  const given = (typeof input === 'object' && input !== null ? input : {}) as Partial<Lease> & {
    readonly lease?: Partial<Lease>;
  };
  const lease = given.lease ?? (given.serverId === undefined ? undefined : given);
  return {
    traceId: given.traceId ?? lease?.traceId,
    jobId: given.jobId ?? lease?.jobId,
    attempt: given.attempt ?? lease?.attempt,
    lease,
  };
}

function spanOf(activity: string, subject: Subject): SpanFacts | undefined {
  const { traceId, jobId, attempt, lease } = subject;
  const info = activityInfo();
  // A withdrawal that goes on after its job runs in a workflow of its own and still belongs to the job's run.
  const runId = lease?.runId ?? info.workflowExecution?.runId;
  if (!traceId || runId === undefined) return undefined;
  return {
    name: activity,
    traceparent: traceId,
    parentId: spanOfRun(runId),
    attributes: {
      'temporal.activity.try': info.attempt,
      ...(jobId === undefined ? {} : { 'orchestrator.job.id': jobId }),
      ...(attempt === undefined ? {} : { 'orchestrator.job.attempt': attempt }),
      ...(lease?.serverId === undefined ? {} : { 'orchestrator.server': lease.serverId }),
      ...(lease?.promptId === undefined ? {} : { 'comfyui.prompt.id': lease.promptId }),
    },
  };
}
