import { promptIdFor } from '../../src/activities/prompt-id.ts';
import type { JobStatus } from '../../src/contract/v1/job-status.ts';
import type { JobRow } from '../../src/db/job-row.ts';
import { JOB_WORKFLOW, jobIdOfWorkflow, outputPrefix } from '../../src/domain/naming.ts';
import { storageKeyFor } from '../../src/storage/keys.ts';
import { promptsOn } from '../support/jobs.ts';
import type { ChaosStack } from './chaos-stack.ts';
import type { CallbackEvidence, ToldEvent } from './check-callbacks.ts';
import { hasWholeFile, readBooks, type Boot, type Execution } from './executions.ts';
import { drawExpected, sha256Of } from './expected-pictures.ts';
import type { Outage } from './journal.ts';
import { postPlan, requestOf, type AcceptedJob } from './load.ts';

export type ChaosRow = Pick<
  JobRow,
  'id' | 'state' | 'runIndex' | 'attempt' | 'failure' | 'promptRequest' | 'maxAttempts'
>;

/** What the API says of a job, read as a client reads it. */
export interface Answer {
  readonly type: string;
  /** SHA-256 of the picture behind the signed link; absent without a picture. */
  readonly pictureSha256: string | undefined;
}

/** An execution with the job and attempt that it was for. */
export interface JobExecution extends Execution {
  readonly jobId: string;
  readonly attempt: number;
  /** The whole picture lies on the server's disk now. */
  readonly hasFile: boolean;
}

/** Everything that is compared after the run. */
export interface Evidence {
  readonly accepted: readonly AcceptedJob[];
  readonly complaints: readonly string[];
  readonly rows: readonly ChaosRow[];
  readonly leases: readonly string[];
  /** Statuses of a job's runs in Temporal. */
  readonly runs: ReadonlyMap<string, readonly string[]>;
  /** Ids of workflows that still run. */
  readonly openWorkflows: readonly string[];
  readonly answers: ReadonlyMap<string, Answer>;
  readonly expected: ReadonlyMap<string, string>;
  readonly executions: readonly JobExecution[];
  /** Executed, but for no attempt of a known job. */
  readonly strays: readonly Execution[];
  readonly boots: readonly Boot[];
  /** Prompts that still wait or run on a server. */
  readonly prompts: readonly string[];
  readonly outages: readonly Outage[];
  readonly callbacks: CallbackEvidence;
}

export interface EvidenceOptions {
  readonly stack: ChaosStack;
  readonly seed: number;
  readonly accepted: readonly AcceptedJob[];
  readonly complaints: readonly string[];
  readonly outages: readonly Outage[];
  readonly signal: AbortSignal;
}

/** Reads everything while all parts are up. */
export async function gatherEvidence(options: EvidenceOptions): Promise<Evidence> {
  const { stack, accepted, outages } = options;
  const { sql } = stack;
  const rows = await sql<ChaosRow[]>`
    select id, state, run_index, attempt, failure, prompt_request, max_attempts from jobs`;
  const leases = await sql<{ promptId: string }[]>`select prompt_id from leases`;
  const runs = new Map<string, string[]>();
  const openWorkflows: string[] = [];
  for await (const run of stack.client.workflow.list({ pageSize: 500 })) {
    if (run.status.name === 'RUNNING') openWorkflows.push(run.workflowId);
    const jobId = run.type === JOB_WORKFLOW ? jobIdOfWorkflow(run.workflowId) : undefined;
    if (jobId !== undefined) runs.set(jobId, [...(runs.get(jobId) ?? []), run.status.name]);
  }
  const queues = await Promise.all(stack.servers.map(({ url }) => promptsOn(url)));
  return {
    accepted,
    complaints: [...options.complaints, ...(await repeatKeys(options))],
    rows,
    leases: leases.map(({ promptId }) => promptId),
    runs,
    openWorkflows,
    answers: await readAnswers(stack, accepted),
    expected: await picturesOf(accepted, rows, await listShownAttempts(stack, rows)),
    ...(await readExecutions(stack, rows)),
    prompts: queues.flatMap(({ running, pending }) => [...running, ...pending]),
    outages,
    callbacks: await readCallbacks(stack),
  };
}

/** After everything: the same key gives the same job, and with another body a 409. */
async function repeatKeys(options: EvidenceOptions): Promise<string[]> {
  const complaints: string[] = [];
  for (const { plan, jobId } of options.accepted.filter((_, index) => index % 10 === 0)) {
    const again = await postPlan(options, plan);
    if (again.jobIds.join() !== jobId)
      complaints.push(`the key of ${jobId} now gives ${again.status} ${again.jobIds.join()}`);
    const other = await postPlan(
      options,
      plan,
      requestOf(options.stack, { ...plan, prompt: 'something else' }),
    );
    if (other.status !== 409)
      complaints.push(`the key of ${jobId} with another body gives ${other.status}`);
  }
  return complaints;
}

async function readCallbacks({ sql, receiver }: ChaosStack): Promise<CallbackEvidence> {
  const told = await sql<ToldEvent[]>`
    select stream_id as job_id, number, event, state from callback_deliveries`;
  const arrivals = receiver.received.map(({ id, text, status }) => ({
    ...{ id, text },
    isAccepted: status !== undefined && status < 300,
  }));
  return { told, arrivals };
}

async function readAnswers(
  stack: ChaosStack,
  accepted: readonly AcceptedJob[],
): Promise<Map<string, Answer>> {
  const answers = new Map<string, Answer>();
  for (const [index, { jobId }] of accepted.entries()) {
    const url = stack.urls[index % stack.urls.length] ?? '';
    const response = await fetch(`${url}/v1/consumer/jobs/${jobId}`);
    if (!response.ok) {
      answers.set(jobId, { type: `${response.status}`, pictureSha256: undefined });
      continue;
    }
    const { lastEvent, result } = (await response.json()) as JobStatus;
    const [slot] = [result].flat();
    const picture =
      slot?.available && slot.blobUrl !== undefined ? await fetch(slot.blobUrl) : undefined;
    answers.set(jobId, {
      type: lastEvent.type,
      pictureSha256: picture?.ok
        ? sha256Of(new Uint8Array(await picture.arrayBuffer()))
        : undefined,
    });
  }
  return answers;
}

/** Attempts that a job may have had: those that were never drawn do not count towards its limit. */
const attemptsOf = ({ maxAttempts }: ChaosRow): number[] =>
  Array.from({ length: maxAttempts + 20 }, (_, index) => index + 1);

/** Job → the attempt whose picture it shows: not always the last, when a given-up server had finished an earlier one. */
async function listShownAttempts(
  { sql }: ChaosStack,
  rows: readonly ChaosRow[],
): Promise<Map<string, number>> {
  const blobs = await sql<{ jobId: string; storageKey: string }[]>`
    select job_id, storage_key from blobs where job_id is not null`;
  const keys = new Set(blobs.map(({ storageKey }) => storageKey));
  return new Map(
    rows.flatMap((row) => {
      const shown = attemptsOf(row).find((attempt) =>
        keys.has(storageKeyFor(row.id, row.runIndex, attempt, 0, 'png')),
      );
      return shown === undefined ? [] : [[row.id, shown] as const];
    }),
  );
}

async function picturesOf(
  accepted: readonly AcceptedJob[],
  rows: readonly ChaosRow[],
  shown: ReadonlyMap<string, number>,
): Promise<Map<string, string>> {
  const rowOf = new Map(rows.map((row) => [row.id, row]));
  const wanted = accepted.flatMap(({ plan, jobId }) => {
    const row = rowOf.get(jobId);
    const attempt = shown.get(jobId);
    if (row?.state !== 'succeeded' || attempt === undefined) return [];
    return [{ jobId, plan, prefix: outputPrefix(jobId, row.runIndex, attempt), row }];
  });
  // The note of the graph may be lost with the database, and then it is one of an older attempt.
  const pattern = wanted.find(({ row, prefix }) => row.promptRequest?.includes(prefix));
  if (!pattern) return new Map();
  const { plan, prefix, row } = pattern;
  return drawExpected({ plan, prefix, text: row.promptRequest ?? '' }, wanted);
}

async function readExecutions(
  stack: ChaosStack,
  rows: readonly ChaosRow[],
): Promise<Pick<Evidence, 'executions' | 'strays' | 'boots'>> {
  const attempts = new Map(
    rows.flatMap((row) =>
      attemptsOf(row).map(
        (attempt) =>
          [
            promptIdFor(row.id, row.runIndex, attempt),
            { jobId: row.id, runIndex: row.runIndex, attempt },
          ] as const,
      ),
    ),
  );
  const executions: JobExecution[] = [];
  const strays: Execution[] = [];
  const boots: Boot[] = [];
  for (const server of stack.servers) {
    const books = await readBooks(server);
    boots.push(...books.boots);
    for (const execution of books.executions) {
      const known = attempts.get(execution.promptId);
      if (!known) {
        strays.push(execution);
        continue;
      }
      const { jobId, runIndex, attempt } = known;
      const hasFile = await hasWholeFile(server.dataDir, jobId, runIndex, attempt);
      executions.push({ ...execution, jobId, attempt, hasFile });
    }
  }
  executions.sort((a, b) => a.startMs - b.startMs);
  return { executions, strays, boots };
}
