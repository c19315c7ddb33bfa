import { describe, expect, it } from 'vitest';
import type { JobStatus, JobStatusCollection } from '../contract/v1/job-status.ts';
import { JOBS, read, submitted } from './job-calls.test-support.ts';
import { refused } from './refused.test-support.ts';
import { createTestApi, KEYS, validJob } from './test-api.test-support.ts';

const UNKNOWN = '37d9d863-7928-41c1-bc83-626c00995137';
const named = (name: string, dependencies?: unknown, change: object = {}) =>
  validJob({ name, ...(dependencies === undefined ? {} : { dependencies }), ...change });

describe('dependencies of a request', () => {
  it('by name make its jobs wait for each other, whatever their order', async () => {
    const { api, collection, status } = await submitted(createTestApi(), {
      jobs: [
        named('last', ['first', 'second']),
        named('first', [], { quantity: 2 }),
        named('second', {}),
      ],
    });
    expect(status).toBe(202);
    const [last, ...others] = collection.jobs.map(({ jobId }) => jobId);
    const rows = [...api.orchestrator.rows.values()];
    expect(rows.map(({ awaitsJobs }) => awaitsJobs)).toEqual([true, false, false, false]);
    const job = await read<JobStatus>(await api.send('GET', `${JOBS}/${last}?detailed=true`));
    expect(job.job).toMatchObject({
      name: 'last',
      dependencies: ['first', 'second'],
      jobDependencies: others,
    });
    expect(collection.jobs[0]?.lastEvent.context['waiting']).toMatch(
      /^it waits for 3 jobs it depends on: /,
    );
    expect(collection.jobs[0]?.serviceProviders?.['local']).toMatchObject({
      support: 'Available',
      queuePosition: { precedingJobs: 3 },
    });
    const single = await read<JobStatus>(
      await api.send('GET', `${JOBS}/${others[0]}?detailed=true`),
    );
    expect(single.job).toMatchObject({ dependencies: {}, jobDependencies: [] });
  });

  it('by id wait for an earlier job, and for none that has succeeded', async () => {
    const { api, collection: earlier } = await submitted(
      createTestApi(),
      validJob({ quantity: 2 }),
    );
    const [one, two] = earlier.jobs.map(({ jobId }) => jobId);
    api.orchestrator.succeed(one ?? '');
    const post = async (dependencies: string[]): Promise<boolean | undefined> => {
      const { collection } = await submitted(api, validJob({ dependencies }));
      return api.orchestrator.rows.get(collection.jobId ?? '')?.awaitsJobs;
    };
    expect(await post([one ?? '', (two ?? '').toUpperCase()])).toBe(true);
    expect(await post([one ?? ''])).toBe(false);
  });

  it.each(['failed', 'canceled', 'expired'] as const)(
    'are refused for a job that has %s',
    async (state) => {
      const { api, collection } = await submitted();
      api.orchestrator.update(String(collection.jobId), { state, finishedAt: new Date() });
      const body = validJob({ dependencies: [collection.jobId] });
      const response = await api.send('POST', JOBS, body);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        errors: {
          'dependencies[0]': [
            `job ${collection.jobId} has ended as ${state}, so this one could never start`,
          ],
        },
      });
      expect(api.orchestrator.rows.size).toBe(1);
    },
  );

  it('are refused for the job of another tenant as for one that does not exist', async () => {
    const api = createTestApi({ AUTH: 'keys' });
    const as = (key: string) => ({ authorization: `Bearer ${key}` });
    const made = await api.send('POST', JOBS, validJob(), as(KEYS.alice));
    const { jobId = '' } = await read<JobStatusCollection>(made);
    for (const id of [jobId, UNKNOWN]) {
      const response = await api.send('POST', JOBS, validJob({ dependencies: [id] }), as(KEYS.bob));
      expect(response.status).toBe(400);
      const { errors } = (await response.json()) as { errors: object };
      expect(errors).toEqual({ 'dependencies[0]': [`there is no job ${id}`] });
    }
  });

  it.each([
    [
      'an unknown id',
      { jobs: [validJob(), validJob({ dependencies: [UNKNOWN] })] },
      'jobs[1].dependencies[0]',
    ],
    ['an unknown name', validJob({ dependencies: ['x'] }), 'dependencies[0]'],
    ['itself', named('a', ['a']), 'dependencies'],
    ['a circle', { jobs: [named('a', ['b']), named('b', ['a'])] }, 'jobs[0].dependencies'],
    [
      'a name of two jobs',
      { jobs: [named('a'), named('a'), named('b', ['a'])] },
      'jobs[2].dependencies[0]',
    ],
    ['a text', validJob({ dependencies: UNKNOWN }), 'dependencies'],
    ['a number', validJob({ dependencies: [7] }), 'dependencies'],
    ['a map', validJob({ dependencies: { a: UNKNOWN } }), 'dependencies'],
    [
      'too many',
      validJob({ dependencies: Array.from({ length: 101 }, () => UNKNOWN) }),
      'dependencies',
    ],
    [
      'very many pairs',
      {
        jobs: [
          named('a', undefined, { quantity: 100, batchSize: 2 }),
          named('b', ['a'], { quantity: 100, batchSize: 2 }),
        ],
      },
      'jobs[1].dependencies',
    ],
  ])('are refused for %s, with its place, and nothing is stored', async (_name, body, path) => {
    const { status, errors } = await refused(body);
    expect(status).toBe(400);
    expect(Object.keys(errors ?? {})).toEqual([path]);
  });
});
