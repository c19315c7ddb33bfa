import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { promptIdFor } from '../../src/activities/prompt-id.ts';
import type { JobRow, NewJobRow } from '../../src/db/job-row.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import type { TextToImage } from '../../src/domain/generation.ts';
import type { JobState } from '../../src/domain/job.ts';
import { continueTrace } from '../../src/domain/trace.ts';
import type { ExecutionLogEntry } from '../../src/executors/simulator/execution-log.ts';
import type { Simulator } from '../../src/executors/simulator/server.ts';
import type { TestStack } from './stack.ts';
import { until } from './until.ts';

export const SD1 = 'urn:air:sd1:checkpoint:civitai:4384@128713';

/** A request for one small picture, of a seed of its own: a server does not draw again what it has in its cache. */
export const pictureRequest = (steps = 2, change: Record<string, unknown> = {}): object => ({
  $type: 'textToImage',
  model: SD1,
  params: { prompt: 'a lighthouse', width: 64, height: 64, steps, cfgScale: 7, seed: -1 },
  ...change,
});

export interface Posted {
  readonly status: number;
  readonly headers: Headers;
  readonly token: string;
  readonly jobIds: readonly string[];
  readonly text: string;
}

/** POSTs jobs; refuses nothing, so that tests can look at every answer. */
export async function postJobs(
  url: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Posted> {
  const response = await fetch(`${url}/v1/consumer/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  const answer = JSON.parse(text) as { token?: string; jobs?: { jobId: string }[] };
  return {
    status: response.status,
    headers: response.headers,
    token: answer.token ?? '',
    jobIds: (answer.jobs ?? []).map((job) => job.jobId),
    text,
  };
}

/** POSTs one small picture and returns its job id. Throws unless it is accepted. */
export async function postPicture(stack: Pick<TestStack, 'url'>, steps?: number): Promise<string> {
  const posted = await postJobs(stack.url, pictureRequest(steps));
  const [jobId] = posted.jobIds;
  if (posted.status !== 202 || jobId === undefined)
    throw new Error(`POST answered ${posted.status}: ${posted.text}`);
  return jobId;
}

/** The row of a job. Throws when there is none. */
export async function rowOf(stack: Pick<TestStack, 'sql'>, jobId: string): Promise<JobRow> {
  const row = await createJobStore(stack.sql).findJob('local', jobId);
  if (!row) throw new Error(`there is no job ${jobId}`);
  return row;
}

/** Waits until the job has that state and returns its row. */
export const untilState = (
  stack: Pick<TestStack, 'sql'>,
  jobId: string,
  state: JobState,
  timeoutMs = 60_000,
): Promise<JobRow> =>
  until(
    `job ${jobId} is ${state}`,
    async () => {
      const row = await rowOf(stack, jobId);
      if (row.state === state) return row;
      throw new Error(`it is ${row.state} ${row.failure?.code ?? ''}`);
    },
    timeoutMs,
  );

/** What a server drew for the first run of a job, in the order of the attempts. */
export const executionsOf = (
  simulator: Pick<Simulator, 'executions'>,
  jobId: string,
): readonly ExecutionLogEntry[] => {
  const ids = new Set([1, 2, 3, 4, 5].map((attempt) => promptIdFor(jobId, 1, attempt)));
  return simulator.executions().filter(({ promptId }) => ids.has(promptId));
};

/** Waits until the simulator draws a prompt of that job and returns the prompt's id. */
export const untilDrawing = (
  { simulator }: Pick<TestStack, 'simulator'>,
  jobId: string,
): Promise<string> =>
  until(
    `job ${jobId} is drawn`,
    () => executionsOf(simulator, jobId).find((drawn) => drawn.endedAt === undefined)?.promptId,
  );

/** Waits until the job goes on without the attempt of that prompt, which may still be on its server. */
export const untilGivenUp = (
  stack: Pick<TestStack, 'sql'>,
  promptId: string,
  timeoutMs = 60_000,
): Promise<unknown> =>
  until(
    `prompt ${promptId} is given up`,
    async () => {
      const rows = await stack.sql`
        select from leases where prompt_id = ${promptId} and given_up_at is not null`;
      return rows.count > 0;
    },
    timeoutMs,
  );

/** A row of a picture, which any of its members may change. */
export type PictureRow = NewJobRow & { readonly generation: TextToImage };

/** A row as acceptance makes it, due at once. */
export const newJobRow = (change: Partial<PictureRow> = {}): PictureRow => ({
  id: randomUUID(),
  tenant: 'local',
  batchId: randomUUID(),
  position: 0,
  type: 'textToImage',
  class: 'image',
  ecosystem: 'sd1',
  pool: 'default',
  priority: 3,
  cost: 1,
  request: pictureRequest() as Record<string, unknown>,
  generation: {
    operation: 'textToImage',
    ecosystem: 'sd1',
    model: SD1,
    prompt: 'a lighthouse',
    negativePrompt: '',
    scheduler: 'EulerA',
    steps: 2,
    cfgScale: 7,
    width: 64,
    height: 64,
    seed: randomInt(2 ** 32),
    clipSkip: 1,
    networks: [],
  },
  properties: {},
  traceId: continueTrace(undefined, (bytes) => randomBytes(bytes).toString('hex')),
  maxAttempts: 3,
  createdAt: new Date(),
  expireAt: new Date(Date.now() + 3_600_000),
  startInMs: 0,
  ...change,
});

/** Prompt ids of the leases a job holds. */
export async function leasesOf(
  stack: Pick<TestStack, 'sql'>,
  jobId: string,
): Promise<readonly string[]> {
  const rows = await stack.sql<{ promptId: string }[]>`
    select prompt_id from leases where job_id = ${jobId} order by attempt`;
  return rows.map((row) => row.promptId);
}

/** Prompts that wait or run on a ComfyUI server. */
export async function promptsOn(url: string): Promise<{ running: string[]; pending: string[] }> {
  const response = await fetch(`${url}/queue`);
  const queue = (await response.json()) as Record<string, unknown[][]>;
  const ids = (name: string): string[] => (queue[name] ?? []).map((item) => String(item[1]));
  return { running: ids('queue_running'), pending: ids('queue_pending') };
}

/** Types of a job's events, oldest first. */
export async function eventTypes(
  stack: Pick<TestStack, 'url'>,
  jobId: string,
): Promise<readonly string[]> {
  const response = await fetch(`${stack.url}/v1/consumer/jobs/${jobId}/events`);
  const { events } = (await response.json()) as { events: { type: string }[] };
  return events.map((event) => event.type);
}
