import { expect } from 'vitest';
import type { JobRow } from '../db/job-row.ts';
import type { TextToImage } from '../domain/generation.ts';
import type { JobStatusCollection } from '../contract/v1/job-status.ts';
import { createTestApi, validJob } from './test-api.test-support.ts';

export const JOBS = '/v1/consumer/jobs';

/** The JSON of a 2xx answer; any other fails the test and shows its body. */
export async function read<T>(response: Response): Promise<T> {
  const text = await response.text();
  expect(response.status, text).toBeLessThan(300);
  return JSON.parse(text) as T;
}

/** The picture that a job is to draw. */
export function pictureOf(row: Pick<JobRow, 'generation'> | undefined): TextToImage {
  if (row?.generation.operation === 'textToImage') return row.generation;
  throw new Error('this is no job of a picture');
}

/** Submits a job, by default a valid one to a new API. */
export async function submitted(api = createTestApi(), body: unknown = validJob(), query = '') {
  const response = await api.send('POST', `${JOBS}${query}`, body);
  return {
    api,
    status: response.status,
    collection: await read<JobStatusCollection>(response),
  };
}
