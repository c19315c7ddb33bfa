import { describe, expect, it } from 'vitest';
import type { JobStatusCollection } from '../contract/v1/job-status.ts';
import { JOBS } from './job-calls.test-support.ts';
import { createTestApi, validJob, type TestApi } from './test-api.test-support.ts';

const KEY = { 'idempotency-key': 'k-1' };

const post = async (api: TestApi, query = '', body: unknown = validJob()) => {
  const response = await api.send('POST', `${JOBS}${query}`, body, KEY);
  return {
    status: response.status,
    text: await response.text(),
    replayed: response.headers.get('idempotent-replayed'),
    type: response.headers.get('content-type'),
  };
};
const jobIdOf = (text: string): string => (JSON.parse(text) as { jobId: string }).jobId;
const linkOf = (text: string) => {
  const { jobs } = JSON.parse(text) as JobStatusCollection;
  const result = jobs[0]?.result;
  if (result === undefined || Array.isArray(result) || result.blobUrl === undefined)
    throw new Error(text);
  return { url: result.blobUrl, ends: result.blobUrlExpirationDate };
};

describe('a request with an Idempotency-Key that is sent again', () => {
  it('is given the first answer, byte for byte, and a header says so, whatever became of the job', async () => {
    const api = createTestApi();
    const first = await post(api);
    expect(first).toMatchObject({ status: 202, replayed: null });
    api.orchestrator.succeed(jobIdOf(first.text));
    const reordered = Object.fromEntries(Object.entries(validJob()).reverse());
    expect(await post(api, '', reordered)).toEqual({ ...first, replayed: 'true' });
    api.orchestrator.rows.clear();
    api.resources.clear();
    expect(await post(api)).toEqual({ ...first, replayed: 'true' });
  });

  it('is refused with another body, and then neither answers nor spends the key', async () => {
    const api = createTestApi();
    const first = await post(api);
    expect(await post(api, '', validJob({ quantity: 2 }))).toMatchObject({
      status: 409,
      replayed: null,
    });
    expect(await post(api)).toEqual({ ...first, replayed: 'true' });
  });

  it('is free to be corrected while it was refused', async () => {
    const api = createTestApi();
    expect((await post(api, '', validJob({ quantity: 0 }))).status).toBe(400);
    expect(await post(api)).toMatchObject({ status: 202, replayed: null });
  });

  it('is given what the first was given after its wait, with fresh links once those have ended', async () => {
    const api = createTestApi();
    const { waitForJobs } = api.orchestrator;
    api.orchestrator.waitForJobs = (caller, jobs, ...rest) => {
      for (const { id } of jobs) api.orchestrator.succeed(id);
      return waitForJobs(caller, jobs, ...rest);
    };
    const first = await post(api, '?wait=true');
    expect(first.status).toBe(200);
    expect(await post(api, '?wait=true')).toEqual({ ...first, replayed: 'true' });
    expect(await post(api)).toEqual({ ...first, replayed: 'true' });
    api.clock = new Date(api.clock.getTime() + 24 * 3_600_000);
    const later = await post(api);
    expect(later).toMatchObject({ status: 200, replayed: 'true' });
    const [old, fresh] = [linkOf(first.text), linkOf(later.text)];
    expect(fresh.url).not.toBe(old.url);
    expect(
      later.text.replaceAll(fresh.url, old.url).replaceAll(fresh.ends ?? '', old.ends ?? ''),
    ).toBe(first.text);
    expect((await api.app.request(fresh.url)).status).not.toBe(403);
  });

  it('goes on waiting when nobody was answered yet', async () => {
    const api = createTestApi();
    const { waitForJobs } = api.orchestrator;
    let release = (): void => undefined;
    const ended = new Promise<void>((resolve) => (release = resolve));
    api.orchestrator.waitForJobs = async (caller, jobs, ...rest) => {
      await ended;
      for (const { id } of jobs) api.orchestrator.succeed(id);
      return waitForJobs(caller, jobs, ...rest);
    };
    const first = post(api, '?wait=true');
    while (api.orchestrator.rows.size === 0) await Promise.resolve();
    const second = post(api, '?wait=true');
    release();
    expect(await second).toMatchObject({ status: 200, replayed: 'true', text: (await first).text });
  });
});
