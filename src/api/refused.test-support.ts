import { expect } from 'vitest';
import { createTestApi, validJob, type TestApi } from './test-api.test-support.ts';

const JOBS = '/v1/consumer/jobs';

export const withParams = (change: Record<string, unknown>) =>
  validJob({ params: { ...validJob().params, ...change } });

export interface RefusedProblem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors?: Record<string, string[]>;
  readonly traceId: string;
}

/** The problem with which this API answers a submission that must be refused and store nothing. */
export async function refusedBy(
  api: TestApi,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<RefusedProblem> {
  const response = await api.send('POST', JOBS, body, headers);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(api.orchestrator.rows.size, 'nothing may be stored').toBe(0);
  const problem = (await response.json()) as RefusedProblem;
  expect(problem.status).toBe(response.status);
  expect(problem.traceId).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  return problem;
}

/** The same, of an API with a catalogue and no server. */
export const refused = (
  body: unknown,
  headers: Record<string, string> = {},
): Promise<RefusedProblem> => refusedBy(createTestApi({ MAX_BODY_BYTES: 100_000 }), body, headers);
