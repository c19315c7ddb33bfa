import { describe, expect, it } from 'vitest';
import type { JobStatus } from '../contract/v1/job-status.ts';
import { JOBS, read, submitted } from './job-calls.test-support.ts';
import { blobRecord, createTestApi, validJob } from './test-api.test-support.ts';

const UNKNOWN = '37d9d863-7928-41c1-bc83-626c00995137';

describe('tainting', () => {
  it('by id marks the job, and its status tells why', async () => {
    const { api, collection } = await submitted();
    api.orchestrator.succeed(String(collection.jobId));
    const path = `${JOBS}/${collection.jobId}`;
    const body = { reason: 'wrong subject', context: { ticket: 'T-9' } };
    const job = await read<JobStatus>(await api.send('PUT', path, body));
    expect(job.lastEvent).toMatchObject({
      type: 'Succeeded',
      context: { tainted: true, taint_reason: 'wrong subject', taint_context: { ticket: 'T-9' } },
    });
    const detailed = await read<JobStatus>(await api.send('GET', `${path}?detailed=true`));
    expect(detailed.lastEvent.context).toMatchObject({ tainted: true });
  });

  it('by token says how many jobs it marked; the first taint counts and properties are merged', async () => {
    const { api, collection } = await submitted(
      createTestApi(),
      validJob({ quantity: 3, properties: { a: 1, b: { c: 2 } } }),
    );
    const path = `${JOBS}?token=${encodeURIComponent(collection.token)}`;
    const taint = (body: unknown) => api.send('PUT', path, body).then(read);
    expect(await taint({ reason: 'first', properties: { b: 3, d: 4 } })).toEqual({ jobs: 3 });
    expect(await taint({ reason: 'second', context: null, properties: null })).toEqual({ jobs: 3 });
    for (const row of api.orchestrator.rows.values()) {
      expect(row.taint).toMatchObject({ reason: 'first' });
      expect(row.properties).toEqual({ a: 1, b: 3, d: 4 });
    }
  });

  it('answers 404 for unknown jobs', async () => {
    const { api } = await submitted();
    expect((await api.send('PUT', `${JOBS}/${UNKNOWN}`, {})).status).toBe(404);
    const token = Buffer.from(JSON.stringify({ Jobs: [UNKNOWN] })).toString('base64');
    expect((await api.send('PUT', `${JOBS}?token=${token}`, {})).status).toBe(404);
  });

  it.each([
    ['no JSON', '{'],
    ['nothing', ''],
    ['a list', []],
    ['a number as reason', { reason: 7 }],
    ['an endless reason', { reason: 'x'.repeat(1_001) }],
    ['a text as context', { context: 'x' }],
    ['a list as properties', { properties: [] }],
    ['too much context', { context: { x: 'y'.repeat(70_000) } }],
    ['a control character', { reason: '\u0000' }],
  ])('is refused with 400 for %s and marks nothing', async (_name, body) => {
    const { api, collection } = await submitted();
    for (const path of [`${JOBS}/${collection.jobId}`, `${JOBS}?token=${collection.token}`])
      expect((await api.send('PUT', path, body)).status).toBe(400);
    expect(api.orchestrator.rows.get(String(collection.jobId))?.taint).toBeNull();
  });

  it('does not let properties grow beyond what a job may have', async () => {
    const { api, collection } = await submitted();
    const path = `${JOBS}/${collection.jobId}`;
    const some = (name: string) => ({ properties: { [name]: 'x'.repeat(40_000) } });
    expect((await api.send('PUT', path, some('a'))).status).toBe(200);
    expect((await api.send('PUT', path, some('b'))).status).toBe(400);
    expect((await api.send('PUT', path, some('a'))).status).toBe(200);
  });

  it('keeps caches from keeping the picture', async () => {
    const api = createTestApi();
    api.blobs.set('A.png', { ...blobRecord('A.png'), isTainted: true });
    api.blobs.set('B.png', blobRecord('B.png'));
    const cacheControl = async (id: string): Promise<string | null> => {
      const query = new URLSearchParams({ ...api.deps.signer.sign(id) }).toString();
      const answer = await api.send('GET', `/v2/consumer/blobs/${id}?${query}`);
      return answer.headers.get('cache-control');
    };
    expect(await cacheControl('A.png')).toBe('no-store');
    expect(await cacheControl('B.png')).toBe('private, max-age=3600');
  });
});

describe('a cancel without force', () => {
  it('leaves a job that a server has, by id and by token', async () => {
    const { api, collection } = await submitted(createTestApi(), validJob({ quantity: 2 }));
    const [drawn, waiting] = collection.jobs.map(({ jobId }) => jobId);
    api.orchestrator.update(drawn ?? '', { state: 'running' });
    const byId = await read<JobStatus>(await api.send('DELETE', `${JOBS}/${drawn}?force=false`));
    expect(byId.scheduled).toBe(true);
    await api.send('DELETE', `${JOBS}?force=false&token=${collection.token}`);
    expect(api.orchestrator.rows.get(drawn ?? '')?.state).toBe('running');
    expect(api.orchestrator.rows.get(waiting ?? '')?.state).toBe('canceled');
    await api.send('DELETE', `${JOBS}?token=${collection.token}`);
    expect(api.orchestrator.rows.get(drawn ?? '')?.state).toBe('canceled');
  });
});
