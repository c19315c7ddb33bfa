import { expect } from 'vitest';
import type { JobStatus, JobStatusCollection } from '../../src/contract/v1/job-status.ts';
import type { Graph } from '../../src/domain/graphs/graph.ts';

type Slot = Extract<JobStatus['result'], { readonly blobKey: string }>;

/** The request for a graph. */
export const graphJob = (workflow: Graph): object => ({ $type: 'comfy', params: { workflow } });

/** Posts a job and gives its status when it has ended. */
export async function runJob(url: string, body: object): Promise<JobStatus> {
  const response = await fetch(`${url}/v1/consumer/jobs?wait=true`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  const [job] = (JSON.parse(text) as JobStatusCollection).jobs;
  if (!job) throw new Error(text);
  return job;
}

/** The files of a job that succeeded. */
export const slotsOf = ({ result, lastEvent }: JobStatus): readonly Slot[] => {
  expect(lastEvent, JSON.stringify(lastEvent)).toMatchObject({ type: 'Succeeded' });
  return Array.isArray(result) ? result : [result];
};

export const fetchSlot = async ({ blobUrl }: Pick<Slot, 'blobUrl'>): Promise<Buffer> =>
  Buffer.from(await (await fetch(blobUrl ?? '')).arrayBuffer());
