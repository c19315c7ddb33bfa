import { describe, expect, it } from 'vitest';
import type { JobStatus } from '../contract/v1/job-status.ts';
import { JOBS, read, submitted, pictureOf } from './job-calls.test-support.ts';
import { createTestApi, validJob } from './test-api.test-support.ts';

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
      params: { seed: pictureOf(row).seed },
      maxRetryAttempt: 5,
      slots: [{ imageHash: [job.result].flat()[0]?.blobKey }],
      properties: { userId: 'u' },
      resources: ['@civitai/128078'],
    });
    expect(job.job).not.toHaveProperty('undefined');
  });

  it('adds what the stages reported when detailed, and does without while Temporal is away', async () => {
    const { api, collection } = await submitted();
    const path = `${JOBS}/${collection.jobId}?detailed=true`;
    api.orchestrator.events = [
      {
        id: 'r:7',
        type: 'Updated',
        stage: 'PROMPT_PREPARED',
        at: '2026-01-01T00:00:00.000Z',
        attempt: 1,
        tries: 1,
        context: { comfy_prompt_request: '{"1":{}}' },
      },
    ];
    const job = await read<JobStatus>(await api.send('GET', path));
    expect(job.lastEvent.context).toMatchObject({
      comfy_prompt_request: '{"1":{}}',
      job_type: 'textToImageV2',
    });
    api.orchestrator.listEvents = () => Promise.reject(new Error('Temporal is away'));
    expect((await api.send('GET', path)).status).toBe(200);
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
