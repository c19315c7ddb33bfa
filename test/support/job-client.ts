import assert from 'node:assert/strict';
import { promptIdFor } from '../../src/activities/prompt-id.ts';
import type { JobEventList } from '../../src/contract/v1/job-events.ts';
import type { JobStatus, JobStatusCollection } from '../../src/contract/v1/job-status.ts';
import type { TestStack } from './stack.ts';
import { until } from './until.ts';

export const SD1_MODEL = 'urn:air:sd1:checkpoint:civitai:4384@128713';

/** For a machine that is busy with something else. */
const PATIENCE_MS = 60_000;

export interface PromptQueue {
  readonly running: readonly string[];
  readonly pending: readonly string[];
}

/** The parts of a stack that this needs. */
export type JobClientStack = Pick<TestStack, 'url' | 'sql' | 'client' | 'simulator'>;

export type JobClient = ReturnType<typeof createJobClient>;

/** What a test does with jobs of a stack, over HTTP like any client, and what it looks up behind the API. */
export function createJobClient(stack: JobClientStack) {
  const call = async <T>(path: string, init: RequestInit = {}): Promise<T> => {
    const response = await fetch(`${stack.url}/v1/consumer/jobs${path}`, {
      ...init,
      headers: { 'content-type': 'application/json', ...init.headers },
    });
    const text = await response.text();
    if (!response.ok)
      throw new Error(`${init.method ?? 'GET'} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  };

  const post = (
    query: string,
    params: Readonly<Record<string, unknown>>,
    headers: Record<string, string>,
    further: Readonly<Record<string, unknown>>,
  ): Promise<JobStatusCollection> =>
    call<JobStatusCollection>(query, {
      method: 'POST',
      headers,
      body: JSON.stringify({
        $type: 'textToImage',
        model: SD1_MODEL,
        params: { prompt: 'a lighthouse', width: 64, height: 64, steps: 1, cfgScale: 7, ...params },
        ...further,
      }),
    });

  const read = (jobId: string): Promise<JobStatus> => call<JobStatus>(`/${jobId}`);

  const events = async (jobId: string): Promise<JobEventList['events']> =>
    (await call<JobEventList>(`/${jobId}/events`)).events;

  const comfyQueue = async (): Promise<PromptQueue> => {
    const response = await fetch(`${stack.simulator.url}/queue`);
    const body = (await response.json()) as Record<string, [number, string][]>;
    const ids = (name: string): string[] => (body[name] ?? []).map(([, promptId]) => promptId);
    return { running: ids('queue_running'), pending: ids('queue_pending') };
  };

  const leases = async (): Promise<{ jobId: string; promptId: string }[]> =>
    stack.sql<{ jobId: string; promptId: string }[]>`select job_id, prompt_id from leases`;

  return {
    read,
    comfyQueue,
    leases,

    /** Submits one job and returns its id. */
    async submit(
      params: Readonly<Record<string, unknown>> = {},
      headers: Record<string, string> = {},
      further: Readonly<Record<string, unknown>> = {},
    ): Promise<string> {
      const { jobId } = await post('', params, headers, further);
      return jobId ?? '';
    },

    cancel: (jobId: string): Promise<JobStatus> => call(`/${jobId}`, { method: 'DELETE' }),

    events,

    /** Resolves with the events once the last has that type: the row ends a moment before the run does. */
    eventsEnd: (jobId: string, type: string): Promise<JobEventList['events']> =>
      until(
        `the events of ${jobId} end with ${type}`,
        async () => {
          const read = await events(jobId);
          return read.at(-1)?.type === type && read;
        },
        PATIENCE_MS,
      ),

    /** Resolves with the status once its last event has that type. */
    ends: (jobId: string, type: string, timeoutMs = PATIENCE_MS): Promise<JobStatus> =>
      until(
        `job ${jobId} ends as ${type}`,
        async () => {
          const status = await read(jobId);
          if (status.lastEvent.jobHasCompleted && status.lastEvent.type !== type)
            throw new Error(`it ended as ${JSON.stringify(status.lastEvent)}`);
          return status.lastEvent.type === type ? status : undefined;
        },
        timeoutMs,
      ),

    /** Resolves when the simulator draws the job's prompt of that run and attempt; returns the prompt id. */
    async drawing(jobId: string, runIndex = 1, attempt = 1): Promise<string> {
      const promptId = promptIdFor(jobId, runIndex, attempt);
      await until(
        `job ${jobId} is drawn`,
        async () => (await comfyQueue()).running.includes(promptId),
        PATIENCE_MS,
      );
      return promptId;
    },

    /** How each execution of the prompt by the simulator ended. */
    executionsOf: (promptId: string): (string | undefined)[] =>
      stack.simulator
        .executions()
        .filter((execution) => execution.promptId === promptId)
        .map(({ outcome }) => outcome),

    /** Waits until no lease is left and the server has nothing to do, then shows that a new job is drawn. */
    async expectFreeServer(): Promise<void> {
      await until('no lease is left', async () => (await leases()).length === 0);
      await until('the server is idle', async () => {
        const { running, pending } = await comfyQueue();
        return running.length + pending.length === 0;
      });
      const { jobs } = await post('?wait=true', {}, {}, {});
      assert.equal(jobs[0]?.lastEvent.type, 'Succeeded', JSON.stringify(jobs[0]));
    },
  };
}
