/** The verbs in memory: accepts, reads and cancels like the real ones, and lets a test end a job. */
import { randomUUID } from 'node:crypto';
import type {
  Caller,
  JobEvent,
  JobSelector,
  JobSubmission,
  Orchestrator,
} from '../client/verbs.ts';
import type { StoredAnswer } from '../db/idempotency-keys.ts';
import { ACCEPTED_JOB, type JobRow } from '../db/job-row.ts';
import { isTerminal } from '../domain/job.ts';
import { OrchestratorError } from '../errors.ts';

export interface FakeOrchestrator extends Orchestrator {
  readonly rows: Map<string, JobRow>;
  /** Graphs that came with jobs, by hash. */
  readonly graphs: Map<string, string>;
  update(id: string, change: Partial<JobRow>): void;
  succeed(id: string): void;
  /** What was submitted, in order. */
  readonly submissions: JobSubmission[];
  readonly waits: { timeoutMs: number; signal: AbortSignal | undefined }[];
  /** Thrown by every verb while set. */
  failure: Error | undefined;
  events: JobEvent[];
}

export function createFakeOrchestrator(): FakeOrchestrator {
  const rows = new Map<string, JobRow>();
  const graphs = new Map<string, string>();
  const keys = new Map<
    string,
    { batchId: string; bodySha256: string; answer: StoredAnswer | undefined }
  >();
  const notFound = () => new OrchestratorError('not_found', 'There is no such job.');
  const select = (caller: Caller, selector: JobSelector): JobRow[] => {
    const mine = [...rows.values()].filter((row) => row.tenant === caller.tenant);
    const found =
      'batchId' in selector
        ? mine.filter((row) => row.batchId === selector.batchId)
        : selector.ids.flatMap((id) => mine.find((row) => row.id === id) ?? []);
    if (found.length === 0) throw notFound();
    return found;
  };
  const fake: FakeOrchestrator = {
    rows,
    submissions: [],
    graphs,
    waits: [],
    failure: undefined,
    events: [],
    update(id, change) {
      const row = rows.get(id);
      if (!row) throw notFound();
      rows.set(id, { ...row, changedAt: new Date(), ...change });
    },
    succeed(id) {
      fake.update(id, {
        state: 'succeeded',
        attempt: 1,
        stageRank: 5,
        serverId: 'local',
        claimedAt: new Date(),
        finishedAt: new Date(),
        outputs: [
          { blobKey: 'PICTURE.png', contentType: 'image/png', bytes: 9, width: 512, height: 512 },
        ],
      });
    },
    async findSubmitted(caller, idempotency) {
      if (fake.failure) throw fake.failure;
      const known = keys.get(`${caller.tenant} ${idempotency.key}`);
      if (!known) return undefined;
      if (known.bodySha256 !== idempotency.bodySha256)
        throw new OrchestratorError('conflict', 'The key was used before with another body.');
      const { batchId, answer } = known;
      return answer
        ? { batchId, jobs: [], isReplay: true, answer }
        : { batchId, jobs: select(caller, known), isReplay: true };
    },
    async keepAnswer(caller, key, answer) {
      const known = keys.get(`${caller.tenant} ${key}`);
      if (known) known.answer ??= answer;
      return known?.answer ?? answer;
    },
    async submit(caller, jobs, idempotency, answerOf) {
      if (fake.failure) throw fake.failure;
      const made = draft(caller, jobs);
      const batchId = made[0]?.batchId ?? '';
      fake.submissions.push(...jobs);
      for (const row of made) rows.set(row.id, row);
      for (const { graph } of jobs) if (graph) graphs.set(graph.sha256, graph.text);
      if (idempotency)
        keys.set(`${caller.tenant} ${idempotency.key}`, {
          batchId,
          bodySha256: idempotency.bodySha256,
          answer: answerOf?.(made),
        });
      return { batchId, jobs: made, isReplay: false };
    },
    whatIf: draft,
    async getJob(caller, jobId) {
      if (fake.failure) throw fake.failure;
      const [row] = select(caller, { ids: [jobId] });
      if (!row) throw notFound();
      return row;
    },
    async getJobs(caller, selector) {
      if (fake.failure) throw fake.failure;
      return select(caller, selector);
    },
    async taint(caller, jobIds, { properties, ...given }) {
      const mine = select(caller, { ids: jobIds });
      for (const row of mine)
        fake.update(row.id, {
          taint: row.taint ?? { at: new Date().toISOString(), ...given },
          properties: { ...row.properties, ...properties },
        });
      return mine.length;
    },
    async cancel(caller, selector, force = true) {
      for (const row of select(caller, selector))
        if (!isTerminal(row.state) && (force || row.state === 'queued'))
          fake.update(row.id, { state: 'canceled', finishedAt: new Date() });
      return select(caller, selector);
    },
    async waitForJobs(caller, jobs, timeoutMs, signal) {
      fake.waits.push({ timeoutMs, signal });
      return select(caller, { ids: jobs.map((job) => job.id) });
    },
    async listEvents(caller, jobId) {
      select(caller, { ids: [jobId] });
      return fake.events;
    },
  };
  return fake;
}

/** Rows as acceptance makes them. */
function draft(caller: Caller, jobs: readonly JobSubmission[]): JobRow[] {
  const batchId = randomUUID();
  const ids = jobs.map(() => randomUUID() as string);
  return jobs.map((job, position): JobRow => {
    const createdAt = new Date();
    return {
      id: ids[position] ?? '',
      tenant: caller.tenant,
      batchId,
      position,
      type: job.type,
      class: job.jobClass,
      ecosystem: job.ecosystem,
      pool: job.pool ?? 'default',
      priority: job.priority,
      cost: job.cost,
      request: job.needs
        ? {
            ...job.request,
            jobDependencies: [
              ...job.needs.positions.map((place) => ids[place]),
              ...job.needs.jobIds,
            ],
          }
        : job.request,
      generation: job.generation,
      properties: job.properties,
      traceId: caller.traceId,
      maxAttempts: job.maxAttempts ?? 5,
      createdAt,
      expireAt: job.expireAt ?? new Date(createdAt.getTime() + 86_400_000),
      ...ACCEPTED_JOB,
      startAfter: createdAt,
      changedAt: createdAt,
      timeoutMs: job.timeoutMs ?? null,
      awaitsJobs: job.needs !== undefined,
    };
  });
}
