import { randomUUID } from 'node:crypto';
import { acceptedRow, type JobRow, type NewJobRow } from '../db/job-row.ts';
import type { EarlierRequest } from '../db/idempotency-keys.ts';
import type { JobStore } from '../db/jobs.ts';
import type { Outbox } from '../db/outbox.ts';
import type { RecentEnds } from '../db/recent-ends.ts';
import type { Taints } from '../db/taints.ts';
import { tellEnd, type Wakeups } from '../db/wakeups.ts';
import { storesFiles } from '../domain/task.ts';
import { secondsFor, throughputOf } from '../domain/throughput.ts';
import { isOrchestratorError, OrchestratorError, messageOf } from '../errors.ts';
import type { Logger, Metrics } from '../ports.ts';
import type { EventReader } from './event-reader.ts';
import type { JobRuns } from './job-runs.ts';
import { createJoinedReads } from './joined-reads.ts';
import type { JobWaiter } from './job-waiter.ts';
import { createStartMarks } from './start-marks.ts';
import type { RequireStorage } from './storage-quota.ts';
import type { Batch, Caller, JobSelector, JobSubmission, Orchestrator } from './verbs.ts';

export interface OrchestratorDeps {
  readonly jobs: JobStore;
  readonly requireStorage: RequireStorage;
  readonly outbox: Pick<Outbox, 'markStarted'>;
  readonly taints: Taints;
  readonly runs: Pick<JobRuns, 'start' | 'cancel'>;
  readonly events: EventReader;
  readonly waiter: JobWaiter;
  readonly recentEnds: RecentEnds;
  readonly wakeups: Pick<Wakeups, 'wake'>;
  readonly pool: string;
  readonly jobLifetimeMs: number;
  readonly maxAttempts: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The api tries a single job at once for this long; after that it is the starter's. */
const DIRECT_START_MS = 1_000;
/** The starter leaves it alone a little longer, so that the two do not do the same work. */
const START_AFTER_MS = 1_500;
/** A job that waits for others is let go by whoever settles that; a program that does not know of it lets it expire. */
const START_AFTER_EXPIRY_MS = 60_000;
const CANCEL_CONCURRENCY = 20;

/** The verbs over PostgreSQL and Temporal; `drain` waits for starts that are under way. */
export function createOrchestrator(
  deps: OrchestratorDeps,
): Orchestrator & { drain(): Promise<void> } {
  const underWay = new Set<Promise<void>>();
  const readWoken = createJoinedReads(deps.jobs.listJobs);
  const marks = createStartMarks(deps.outbox, deps.logger);

  const load = (caller: Caller, selector: JobSelector): Promise<JobRow[]> =>
    'ids' in selector
      ? deps.jobs.listJobs(caller.tenant, selector.ids)
      : deps.jobs.listBatch(caller.tenant, selector.batchId);

  const getJobs = async (caller: Caller, selector: JobSelector): Promise<JobRow[]> => {
    const rows = await load(caller, selector);
    if (rows.length > 0) return rows;
    throw new OrchestratorError('not_found', 'None of the jobs of this token is known here.');
  };

  const earlierBatch = async (caller: Caller, earlier: EarlierRequest): Promise<Batch> => ({
    ...earlier,
    isReplay: true,
    jobs: earlier.answer ? [] : await getJobs(caller, { batchId: earlier.batchId }),
  });

  const startNow = async (job: JobRow): Promise<void> => {
    try {
      await deps.runs.start(job, DIRECT_START_MS);
      marks.note(job.id);
    } catch (error) {
      deps.logger.warn(
        { jobId: job.id, traceId: job.traceId, error: messageOf(error) },
        'accepted, but Temporal did not acknowledge the start; the starter goes on',
      );
    }
  };

  const startInBackground = (rows: readonly JobRow[]): void => {
    const [only] = rows;
    if (rows.length !== 1 || !only) {
      deps.wakeups.wake('outbox');
      return;
    }
    if (only.awaitsJobs) return;
    const start = startNow(only).finally(() => underWay.delete(start));
    underWay.add(start);
  };

  return {
    async findSubmitted(caller, idempotency) {
      const earlier = await deps.jobs.findIdempotent(caller.tenant, idempotency);
      return earlier && earlierBatch(caller, earlier);
    },

    async submit(caller, submissions, idempotency, answerOf) {
      if (submissions.some(({ generation }) => storesFiles(generation)))
        await deps.requireStorage(caller.tenant);
      const batchId = randomUUID();
      const rows = newRows(caller, submissions, batchId, deps);
      const jobs = rows.map(acceptedRow);
      const accepted = await deps.jobs
        .insertJobs(rows, idempotency, answerOf?.(jobs))
        .catch(async (error: unknown) => {
          throw await withRetryTime(error, caller.tenant, deps);
        });
      if (accepted.batchId !== batchId) return earlierBatch(caller, accepted);
      for (const { type } of rows) deps.metrics.count('jobsAccepted', { type });
      startInBackground(jobs);
      // One of them may have ended between the check and the commit.
      for (const id of new Set(submissions.flatMap(({ needs }) => needs?.jobIds ?? [])))
        deps.wakeups.wake('dependencies', id);
      return { batchId, jobs, isReplay: false };
    },

    whatIf: (caller, submissions) =>
      newRows(caller, submissions, randomUUID(), deps).map(acceptedRow),

    keepAnswer: (caller, key, answer) => deps.jobs.keepAnswer(caller.tenant, key, answer),

    async getJob(caller, jobId) {
      const row = await deps.jobs.findJob(caller.tenant, jobId);
      if (row) return row;
      throw new OrchestratorError('not_found', `There is no job ${jobId}.`);
    },

    getJobs,

    async cancel(caller, selector, force = true) {
      const rows = await getJobs(caller, selector);
      const ids = await deps.jobs.requestCancel(
        caller.tenant,
        rows.map((row) => row.id),
        force,
      );
      const queue = [...ids];
      const lane = async (): Promise<void> => {
        for (let id = queue.shift(); id; id = queue.shift()) {
          try {
            await deps.runs.cancel(id);
          } catch (error) {
            deps.logger.warn(
              { jobId: id, error: messageOf(error) },
              'cancel is stored; Temporal did not take it yet, the starter repeats it',
            );
          }
          tellEnd(deps.wakeups, id);
        }
      };
      await Promise.all(Array.from({ length: CANCEL_CONCURRENCY }, lane));
      return load(caller, { ids: rows.map((row) => row.id) });
    },

    taint: (caller, jobIds, taint) =>
      deps.taints.taintJobs(caller.tenant, jobIds, taint, new Date()),

    async waitForJobs(caller, jobs, timeoutMs, signal) {
      const ids = jobs.map((job) => job.id);
      return deps.waiter.waitForEnd({
        rows: jobs,
        load: () => readWoken(caller.tenant, ids),
        timeoutMs,
        ...(signal ? { signal } : {}),
      });
    },

    async listEvents(caller, jobId) {
      const row = await deps.jobs.findJob(caller.tenant, jobId);
      if (!row) throw new OrchestratorError('not_found', `There is no job ${jobId}.`);
      return deps.events.listEvents(row);
    },

    async drain() {
      await Promise.all(underWay);
      await marks.flush();
    },
  };
}

/** Says when a request that was one too many should fit, at the pace at which the tenant's jobs ended lately. */
async function withRetryTime(
  error: unknown,
  tenant: string,
  deps: Pick<OrchestratorDeps, 'recentEnds'>,
): Promise<unknown> {
  if (!isOrchestratorError(error) || error.counts === undefined) return error;
  const { queued, limit, requested } = error.counts;
  const ended = (await deps.recentEnds()).filter((job) => job.tenant === tenant);
  return new OrchestratorError(error.code, error.message, {
    retryable: error.retryable,
    counts: error.counts,
    // A request that is too large by itself can be sent in parts once the queue is empty.
    retryAfterSeconds: secondsFor(
      Math.min(queued, queued + requested - limit),
      throughputOf(ended),
    ),
  });
}

function newRows(
  caller: Caller,
  submissions: readonly JobSubmission[],
  batchId: string,
  deps: OrchestratorDeps,
): NewJobRow[] {
  const now = Date.now();
  const single = submissions.length === 1;
  const ids = submissions.map(() => randomUUID() as string);
  return submissions.map((submission, position) => {
    const expireAt = submission.expireAt ?? new Date(now + deps.jobLifetimeMs);
    const needs = needsOf(submission, ids);
    return {
      id: ids[position] ?? '',
      tenant: caller.tenant,
      batchId,
      position,
      type: submission.type,
      class: submission.jobClass,
      ecosystem: submission.ecosystem,
      pool: submission.pool ?? deps.pool,
      priority: submission.priority,
      cost: submission.cost,
      request:
        needs.length > 0 ? { ...submission.request, jobDependencies: needs } : submission.request,
      generation: submission.generation,
      ...(submission.graph ? { graph: submission.graph } : {}),
      properties: submission.properties,
      traceId: caller.traceId,
      maxAttempts: submission.maxAttempts ?? deps.maxAttempts,
      createdAt: new Date(now),
      expireAt,
      startInMs:
        needs.length > 0
          ? expireAt.getTime() - now + START_AFTER_EXPIRY_MS
          : single
            ? START_AFTER_MS
            : 0,
      ...(needs.length > 0 ? { needs } : {}),
      ...(submission.callback ? { callback: submission.callback } : {}),
      ...(submission.timeoutMs === undefined ? {} : { timeoutMs: submission.timeoutMs }),
    };
  });
}

/** Ids of the jobs that a submission waits for; `ids` are those of its own request. */
const needsOf = ({ needs }: JobSubmission, ids: readonly string[]): string[] =>
  needs ? [...needs.positions.flatMap((position) => ids[position] ?? []), ...needs.jobIds] : [];
