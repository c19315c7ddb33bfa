/** Fields and flags of a submission that are not about the picture. */
import { describe, expect, it } from 'vitest';
import type { JobStatus } from '../contract/v1/job-status.ts';
import { JOBS, read, submitted } from './job-calls.test-support.ts';
import { refused } from './refused.test-support.ts';
import { createTestApi, validJob } from './test-api.test-support.ts';

interface Estimate {
  readonly token: string;
  readonly cost: number;
  readonly jobs: readonly Record<string, unknown>[];
}

describe('whatif', () => {
  it('prices a request as its jobs would cost, and stores nothing', async () => {
    const api = createTestApi();
    const body = { jobs: [validJob({ quantity: 2, properties: { a: 1 } }), validJob()] };
    const path = `${JOBS}?whatif=true&detailed=true&charge=false&wait=true`;
    const headers = { 'idempotency-key': 'k' };
    const estimate = await read<Estimate>(await api.send('POST', path, body, headers));
    expect(api.orchestrator.rows.size).toBe(0);
    expect(estimate.token).toBe('');
    expect(estimate.jobs[0]).toMatchObject({
      properties: { a: 1 },
      scheduled: false,
      job: { Type: 'TextToImageV2', cost: estimate.jobs[0]?.['cost'] },
      serviceProviders: { local: { support: 'Unavailable' } },
    });
    for (const absent of ['jobId', 'result', 'lastEvent'])
      expect(estimate.jobs[0]).not.toHaveProperty(absent);
    expect(estimate.jobs[0]?.['job']).not.toHaveProperty('id');

    const { jobs } = (await submitted(api, body)).collection;
    expect(estimate.jobs.map(({ cost }) => cost)).toEqual(jobs.map(({ cost }) => cost));
    expect(estimate.cost).toBeCloseTo(
      jobs.reduce((sum, { cost }) => sum + cost, 0),
      4,
    );
  });

  it.each([
    ['an unknown model', validJob({ model: 'urn:air:sdxl:checkpoint:civitai:1@2' })],
    ['a wrong field', validJob({ retries: 99 })],
    ['another type', { $type: 'pong' }],
  ])('refuses what a submission refuses: %s', async (_name, body) => {
    const response = await createTestApi().send('POST', `${JOBS}?whatif=true`, body);
    expect(response.status).toBe(400);
  });
});

describe('the timeout of a job', () => {
  it.each([
    ['00:00:45', '00:00:45.0000000'],
    [{ ticks: 450_000_000, days: null }, '00:00:45.0000000'],
    ['02:00:00', '00:30:00.0000000'],
    [null, '00:30:00.0000000'],
  ])('of %j bounds a drawing by %s', async (timeout, claimDuration) => {
    const { api, collection } = await submitted(createTestApi(), validJob({ timeout }));
    const path = `${JOBS}/${collection.jobId}?detailed=true`;
    expect((await read<JobStatus>(await api.send('GET', path))).job).toMatchObject({
      claimDuration,
    });
  });

  it.each(['30', 30, '00:00:00', '-00:00:30', '25:00:00', {}, [], 'soon', true])(
    'is refused as %j, with its place',
    async (timeout) => {
      const { status, errors } = await refused({ jobs: [validJob(), validJob({ timeout })] });
      expect(status).toBe(400);
      expect(errors?.['jobs[1].timeout']?.join()).toContain('expected a duration');
    },
  );
});

describe('providers of a job', () => {
  it('are kept and shown', async () => {
    const providers = ['Civitai', 'ValdiAI'];
    const { api, collection } = await submitted(createTestApi(), validJob({ providers }));
    const path = `${JOBS}/${collection.jobId}?detailed=true`;
    expect((await read<JobStatus>(await api.send('GET', path))).job).toMatchObject({ providers });
  });

  it.each(['Civitai', [7], [{}], [''], Array.from({ length: 51 }, () => 'x')])(
    'are refused as %j',
    async (providers) => {
      expect((await refused(validJob({ providers }))).status).toBe(400);
    },
  );
});

describe('expiry and retries of a job', () => {
  it.each([
    ...['tomorrow', '2030-01-31', '2030-02-30T00:00:00Z', '1893456000', 1_893_456_000, true, {}],
    ...['2020-01-01T00:00:00Z', '2027-01-01T00:00:00Z', '2026-01-01T12:00:00', ''],
  ])('expireAt is refused as %j', async (expireAt) => {
    const { status, errors } = await refused(validJob({ expireAt }));
    expect(status).toBe(400);
    expect(Object.keys(errors ?? {})).toEqual(['expireAt']);
  });

  it.each([-1, 21, 1.5, '3', true])('retries is refused as %j', async (retries) => {
    expect((await refused(validJob({ retries }))).status).toBe(400);
  });
});

describe('a batch', () => {
  it.each([
    ['10,000 jobs in a list', { jobs: Array.from({ length: 10_000 }, () => ({})) }, 'jobs'],
    [
      '10,000 jobs by quantity',
      { jobs: Array.from({ length: 100 }, () => validJob({ quantity: 100 })) },
      'quantity',
    ],
  ])('of %s is refused before anything is looked up', async (_name, body, path) => {
    const api = createTestApi();
    let lookups = 0;
    const listMatches = api.deps.resources.listMatches;
    Object.assign(api.deps.resources, {
      listMatches: (...args: Parameters<typeof listMatches>) => {
        lookups += 1;
        return listMatches(...args);
      },
    });
    const response = await api.send('POST', JOBS, body);
    expect(response.status).toBe(400);
    const { errors } = (await response.json()) as { errors: Record<string, string[]> };
    expect(errors[path]?.join()).toMatch(/1,?000/);
    expect(lookups).toBe(0);
    expect(api.orchestrator.rows.size).toBe(0);
  });

  it('with one bad job starts nothing and names its index', async () => {
    const { errors } = await refused({ jobs: [validJob(), validJob(), validJob({ name: 7 })] });
    expect(Object.keys(errors ?? {})).toEqual(['jobs[2].name']);
  });
});
