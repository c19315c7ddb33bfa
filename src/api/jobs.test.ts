import { describe, expect, it } from 'vitest';
import type { JobStatus, JobStatusCollection } from '../contract/v1/job-status.ts';
import {
  createTestApi,
  SD1,
  SD1_LORA,
  SDXL,
  serverRecord,
  validJob,
} from './test-api.test-support.ts';

const JOBS = '/v1/consumer/jobs';
const read = async <T>(response: Response): Promise<T> => {
  const text = await response.text();
  expect(response.status, text).toBeLessThan(300);
  return JSON.parse(text) as T;
};

async function submitted(api = createTestApi(), body: unknown = validJob(), query = '') {
  const response = await api.send('POST', `${JOBS}${query}`, body);
  const status = response.status;
  return { api, status, collection: await read<JobStatusCollection>(response) };
}

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
    expect(job?.serviceProviders).toEqual({ local: { support: 'Available' } });
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
    const seeds = [...api.orchestrator.rows.values()].map((row) => row.generation.seed);
    expect(seeds).toEqual([4_294_967_295, 0, 1, 2]);
  });

  it('draws a real seed for each job when none is given', async () => {
    const api = createTestApi();
    await submitted(api, validJob({ quantity: 3 }));
    const seeds = [...api.orchestrator.rows.values()].map((row) => row.generation.seed);
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

  it('gives the first answer again for the same Idempotency-Key and 409 for another body', async () => {
    const api = createTestApi();
    const headers = { 'idempotency-key': 'k-1' };
    const first = await read<JobStatusCollection>(
      await api.send('POST', JOBS, validJob(), headers),
    );
    const reordered = Object.fromEntries(Object.entries(validJob()).reverse());
    const second = await read<JobStatusCollection>(
      await api.send('POST', JOBS, reordered, headers),
    );
    expect(second.jobId).toBe(first.jobId);
    expect((await api.send('POST', JOBS, validJob({ quantity: 2 }), headers)).status).toBe(409);
    expect((await api.send('POST', JOBS, validJob(), { 'idempotency-key': 'a, b' })).status).toBe(
      400,
    );
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

describe('files of models', () => {
  const listing = (files: Record<string, string[]>) => {
    const api = createTestApi();
    api.servers.push(serverRecord({ files }));
    return api;
  };

  it('accepts a model that a reachable server lists', async () => {
    const api = listing({ checkpoints: ['sdxl/civitai/101055/128078.safetensors'] });
    expect((await api.send('POST', JOBS, validJob())).status).toBe(202);
  });

  it('refuses a model on no reachable list, naming AIR, folder, file and next action', async () => {
    const response = await listing({ checkpoints: [] }).send('POST', JOBS, validJob());
    const body = (await response.json()) as { code: string; detail: string };
    expect(response.status).toBe(400);
    expect(body.code).toBe('resource_unavailable');
    for (const part of [SDXL, 'checkpoints', 'sdxl/civitai/101055/128078.safetensors', 'PATCH'])
      expect(body.detail).toContain(part);
  });

  it('refuses models that no single server has together', async () => {
    const api = createTestApi();
    api.servers.push(
      serverRecord({ id: 'a', files: { checkpoints: ['sd1/civitai/4384/128713.safetensors'] } }),
    );
    api.servers.push(
      serverRecord({ id: 'b', files: { loras: ['sd1/civitai/82098/87153.safetensors'] } }),
    );
    const response = await api.send(
      'POST',
      JOBS,
      validJob({ model: SD1, additionalNetworks: { [SD1_LORA]: {} } }),
    );
    expect(await response.json()).toMatchObject({ status: 400, code: 'resource_unavailable' });
  });

  it.each([
    ['unreachable', { reachable: false }],
    ['silent for long', { reportedAt: new Date('2025-12-31T23:00:00Z') }],
  ])('accepts while every server is %s', async (_name, change) => {
    const api = createTestApi();
    api.servers.push(serverRecord(change));
    expect((await api.send('POST', JOBS, validJob())).status).toBe(202);
  });
});

describe('reading jobs', () => {
  it('shows the picture as an object with a signed link, or as a list with RESULT_SHAPE=array', async () => {
    for (const shape of ['auto', 'array'] as const) {
      const { api, collection } = await submitted(createTestApi({ RESULT_SHAPE: shape }));
      api.orchestrator.succeed(String(collection.jobId));
      const job = await read<JobStatus>(await api.send('GET', `${JOBS}/${collection.jobId}`));
      expect(Array.isArray(job.result)).toBe(shape === 'array');
      const [slot] = [job.result].flat();
      expect(slot).toMatchObject({ blobKey: 'PICTURE.png', available: true });
      expect(slot?.blobUrl).toMatch(/^http:\/\/localhost\/v2\/consumer\/blobs\/PICTURE\.png\?sig=/);
      expect(job).toMatchObject({
        scheduled: false,
        lastEvent: {
          type: 'Succeeded',
          workerId: 'local',
          context: {
            stage: 'COMFY_RESULT',
            worker_group: 'default',
            job_type: 'textToImageV2',
            ecosystems: 'sdxl',
          },
        },
      });
      expect(job.lastEvent.context['trace_id']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    }
  });

  it('names the reason of a failure in the last event', async () => {
    const { api, collection } = await submitted();
    api.orchestrator.update(String(collection.jobId), {
      state: 'failed',
      finishedAt: new Date(),
      failure: { code: 'graph_refused', message: 'node 4: bad' },
    });
    const job = await read<JobStatus>(await api.send('GET', `${JOBS}/${collection.jobId}`));
    expect(job.lastEvent).toMatchObject({
      type: 'Failed',
      context: { error_code: 'graph_refused', error_message: 'node 4: bad' },
    });
    expect(job.result).toMatchObject({ available: false });
  });

  it('shows the accepted job with its real seed when detailed', async () => {
    const { api, collection } = await submitted(
      createTestApi(),
      validJob({ properties: { userId: 'u' } }),
    );
    const job = await read<JobStatus>(
      await api.send('GET', `${JOBS}/${collection.jobId}?detailed=true`),
    );
    const [row] = api.orchestrator.rows.values();
    expect(job.job).toMatchObject({
      Type: 'TextToImageV2',
      id: collection.jobId,
      model: '@civitai/128078',
      params: { seed: row?.generation.seed },
      maxRetryAttempt: 5,
      properties: { userId: 'u' },
      resources: ['@civitai/128078'],
    });
    expect(job.job).not.toHaveProperty('undefined');
  });

  it('reads tokens padded, unpadded, base64url and URL-encoded twice', async () => {
    const { api, collection } = await submitted();
    const { token } = collection;
    const forms = [
      token,
      token.replace(/=+$/, ''),
      token.replaceAll('+', '-').replaceAll('/', '_'),
      encodeURIComponent(token),
    ];
    for (const form of forms)
      expect((await api.send('GET', `${JOBS}?token=${encodeURIComponent(form)}`)).status).toBe(200);
  });

  it.each(['%%%', 'bm8ganNvbg==', 'e30=', 'x'.repeat(20_000)])(
    'answers 400 for the token %.20s',
    async (token) => {
      const response = await createTestApi().send(
        'GET',
        `${JOBS}?token=${encodeURIComponent(token)}`,
      );
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: 'invalid_token' });
    },
  );

  it('answers 400 without a token and 404 for unknown jobs', async () => {
    const api = createTestApi();
    expect((await api.send('GET', JOBS)).status).toBe(400);
    const unknown = Buffer.from('{"Jobs":["37d9d863-7928-41c1-bc83-626c00995137"]}').toString(
      'base64',
    );
    expect((await api.send('GET', `${JOBS}?token=${unknown}`)).status).toBe(404);
    expect((await api.send('GET', `${JOBS}/37d9d863-7928-41c1-bc83-626c00995137`)).status).toBe(
      404,
    );
    expect((await api.send('GET', `${JOBS}/no-uuid`)).status).toBe(400);
  });

  it('tolerates an empty body with a JSON content type on GET and DELETE, and answers 200 to DELETE', async () => {
    const { api, collection } = await submitted();
    const headers = { 'content-type': 'application/json' };
    const path = `${JOBS}/${collection.jobId}`;
    expect((await api.send('GET', path, undefined, headers)).status).toBe(200);
    const gone = await api.send('DELETE', `${path}?force=true`, undefined, headers);
    expect(gone.status).toBe(200);
    expect(await gone.json()).toMatchObject({ lastEvent: { type: 'Deleted' }, scheduled: false });
  });

  it('lists the events of a job', async () => {
    const { api, collection } = await submitted();
    api.orchestrator.events = [
      {
        id: 'r:5',
        type: 'Claimed',
        stage: 'CLAIMED',
        at: '2026-01-01T00:00:00.000Z',
        attempt: 1,
        tries: 1,
        worker: 'w',
        context: { trace_id: 't' },
      },
    ];
    const body = await read(await api.send('GET', `${JOBS}/${collection.jobId}/events`));
    expect(body).toMatchObject({
      jobId: collection.jobId,
      events: [
        {
          id: 'r:5',
          type: 'Claimed',
          stage: 'CLAIMED',
          dateTime: '2026-01-01T00:00:00.000Z',
          worker: 'w',
        },
      ],
    });
  });
});
