import { describe, expect, it } from 'vitest';
import type { JobStatus, JobStatusCollection } from '../contract/v1/job-status.ts';
import { JOBS, read, submitted, pictureOf } from './job-calls.test-support.ts';
import { createTestApi, SD1, SD1_LORA, validJob } from './test-api.test-support.ts';

describe('POST /v1/consumer/jobs', () => {
  it('accepts a job with 202, a token, and jobId beside jobs', async () => {
    const { status, collection } = await submitted();
    expect(status).toBe(202);
    const [job] = collection.jobs;
    expect(collection.jobId).toBe(job?.jobId);
    expect(JSON.parse(Buffer.from(collection.token, 'base64').toString())).toEqual({
      Jobs: [job?.jobId],
    });
    expect(job).toMatchObject({ scheduled: true, result: { available: false }, properties: {} });
    expect(job?.serviceProviders).toEqual({
      local: { support: 'Unavailable', queuePosition: { precedingJobs: 0, precedingCost: 0 } },
    });
    expect(job?.lastEvent.context['waiting']).toContain("'default' has no ComfyUI server yet");
    expect(job?.lastEvent).toMatchObject({ type: 'Initialized', jobType: 'TextToImageV2' });
    expect(job?.lastEvent.dateTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/);
  });

  it('leaves the provider out of collections and names it in GET by id', async () => {
    const { api, collection } = await submitted();
    expect(collection.jobs[0]?.lastEvent.provider).toBeUndefined();
    const job = await read<JobStatus>(await api.send('GET', `${JOBS}/${collection.jobId}`));
    expect(job.lastEvent.provider).toBe('local');
  });

  it('takes the type as textToImage when it is absent', async () => {
    const { collection } = await submitted(createTestApi(), validJob({ $type: undefined }));
    expect(collection.jobs).toHaveLength(1);
  });

  it('expands quantity × batchSize with consecutive seeds when one is given', async () => {
    const api = createTestApi();
    const params = { ...validJob().params, seed: 4_294_967_295 };
    await submitted(api, validJob({ quantity: 2, batchSize: 2, params }));
    const seeds = [...api.orchestrator.rows.values()].map((row) => pictureOf(row).seed);
    expect(seeds).toEqual([4_294_967_295, 0, 1, 2]);
  });

  it('draws a real seed for each job when none is given', async () => {
    const api = createTestApi();
    await submitted(api, validJob({ quantity: 3 }));
    const seeds = [...api.orchestrator.rows.values()].map((row) => pictureOf(row).seed);
    expect(new Set(seeds).size).toBe(3);
    expect(seeds.every((seed) => seed >= 0 && seed < 2 ** 32)).toBe(true);
  });

  it('names 1,000 jobs by a batch token that reads and cancels them', async () => {
    const api = createTestApi();
    const { collection } = await submitted(api, {
      jobs: Array.from({ length: 10 }, () => validJob({ quantity: 100 })),
    });
    expect(collection.jobs).toHaveLength(1000);
    expect(collection.jobId).toBeUndefined();
    expect(collection.token.length).toBeLessThan(100);
    const query = `?token=${encodeURIComponent(collection.token)}`;
    const again = await read<JobStatusCollection>(await api.send('GET', JOBS + query));
    expect(again.jobs.map((job) => job.jobId)).toEqual(collection.jobs.map((job) => job.jobId));
    const gone = await api.send('DELETE', JOBS + query);
    expect(gone.status).toBe(200);
    expect((await read<JobStatusCollection>(gone)).jobs.every((job) => !job.scheduled)).toBe(true);
  });

  it('answers 400 with the limit above 1,000 jobs and stores none', async () => {
    const api = createTestApi();
    const response = await api.send('POST', JOBS, {
      jobs: Array.from({ length: 11 }, () => validJob({ quantity: 100 })),
    });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('1000');
    expect(api.orchestrator.rows.size).toBe(0);
  });

  it('resolves networks and guessed ecosystems to the catalogue and keeps their order', async () => {
    const api = createTestApi();
    await submitted(
      api,
      validJob({
        model: '@civitai/128713',
        additionalNetworks: {
          'civitai:58390@62833': { strength: 0.5 },
          [SD1_LORA]: { type: 'Lora', triggerWord: 'ahri' },
        },
      }),
    );
    const [row] = api.orchestrator.rows.values();
    expect(row?.generation).toMatchObject({
      model: SD1,
      ecosystem: 'sd1',
      networks: [
        { air: 'urn:air:sd1:lora:civitai:58390@62833', strength: 0.5 },
        { air: SD1_LORA, strength: 1, triggerWord: 'ahri' },
      ],
    });
  });

  it('refuses an Idempotency-Key that is two', async () => {
    const headers = { 'idempotency-key': 'a, b' };
    expect((await createTestApi().send('POST', JOBS, validJob(), headers)).status).toBe(400);
  });

  it('waits with the limit and answers 202 with the complete collection in vain', async () => {
    const { api, status, collection } = await submitted(createTestApi(), validJob(), '?wait=true');
    expect(status).toBe(202);
    expect(collection.jobs).toHaveLength(1);
    expect(api.orchestrator.waits[0]?.timeoutMs).toBe(1234);
    expect(api.orchestrator.waits[0]?.signal).toBeInstanceOf(AbortSignal);
  });

  it('answers 503 and stores nothing while the disk is nearly full', async () => {
    const api = createTestApi();
    api.freeBytes = 10;
    const response = await api.send('POST', JOBS, validJob());
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('60');
    expect(await response.json()).toMatchObject({ code: 'storage_full' });
    expect(api.orchestrator.rows.size).toBe(0);
  });

  it('answers 503 with Retry-After while the database is gone', async () => {
    const api = createTestApi();
    api.orchestrator.failure = Object.assign(new Error('connect ECONNREFUSED'), {
      code: 'ECONNREFUSED',
    });
    const response = await api.send('POST', JOBS, validJob());
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    api.orchestrator.failure = undefined;
    expect((await api.send('POST', JOBS, validJob())).status).toBe(202);
  });

  it('answers unknown errors with a fixed sentence and an id, the reason only in the log', async () => {
    const api = createTestApi();
    api.orchestrator.failure = new Error('secret detail');
    const response = await api.send('POST', JOBS, validJob());
    const body = await response.text();
    expect(response.status).toBe(500);
    expect(body).not.toContain('secret detail');
    expect(api.logLines.join('\n')).toContain('secret detail');
  });
});
