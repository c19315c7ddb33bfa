import { describe, expect, it } from 'vitest';
import { JOBS } from './job-calls.test-support.ts';
import { blobRecord, createTestApi, validJob, type TestApi } from './test-api.test-support.ts';

const CANNY = { preprocessor: 'Canny', weight: 0.8, startStep: 0, endStep: 10 };
const POSE = { imageUrl: 'https://example.org/pose.png' };

const post = (api: TestApi, ...controlNets: unknown[]): Promise<Response> =>
  api.send('POST', JOBS, validJob({ controlNets }));

const accepted = (api: TestApi): unknown =>
  [...api.orchestrator.rows.values()].map(({ generation }) => generation);

describe('ControlNets of a request', () => {
  it('reach the job with their picture, by URL or by the key of a stored file', async () => {
    const api = createTestApi();
    api.blobs.set('POSE.png', blobRecord('POSE.png'));
    const response = await post(
      api,
      { ...CANNY, ...POSE },
      { preprocessor: 'depthzoe', blobKey: 'POSE.png' },
    );
    expect(response.status, await response.clone().text()).toBe(202);
    expect(accepted(api)).toMatchObject([
      {
        controlNets: [
          // Of 20 steps.
          {
            preprocessor: 'Canny',
            weight: 0.8,
            start: 0,
            end: 0.5,
            image: { url: POSE.imageUrl },
          },
          { preprocessor: 'DepthZoe', weight: 1, start: 0, end: 1, image: { blobKey: 'POSE.png' } },
        ],
      },
    ]);
  });

  it('may be links to stored files, wherever the client reaches them', async () => {
    const api = createTestApi();
    const key = '37V4ZT4W3C4SX6P5G7M9K2RQDA.png';
    api.blobs.set(key, blobRecord(key));
    const imageUrl = `http://localhost:3000/v2/consumer/blobs/${key}?sig=x&exp=y`;
    expect((await post(api, { ...CANNY, imageUrl })).status).toBe(202);
    api.blobs.set(key, blobRecord(key, 'bob'));
    expect((await post(api, { ...CANNY, imageUrl })).status).toBe(400);
  });

  it('take fractions of the run as well as steps, as clients give both', async () => {
    const api = createTestApi();
    await post(api, { ...CANNY, ...POSE, startStep: 0.25, endStep: 1 });
    await post(api, { ...CANNY, ...POSE, startStep: 5, endStep: 150 });
    expect(accepted(api)).toMatchObject([
      { controlNets: [{ start: 0.25, end: 1 }] },
      { controlNets: [{ start: 0.25, end: 1 }] },
    ]);
  });

  it.each<[string, unknown, string, RegExp]>([
    ['no picture', CANNY, 'controlNets[0]', /either imageUrl or blobKey/],
    [
      'two pictures',
      { ...CANNY, ...POSE, blobKey: 'A.png' },
      'controlNets[0]',
      /either imageUrl or blobKey/,
    ],
    [
      'another preprocessor',
      { ...CANNY, ...POSE, preprocessor: 'Openpose' },
      'controlNets[0].preprocessor',
      /Canny, DepthZoe, SoftedgePidinet, Rembg/,
    ],
    ['no preprocessor', { ...POSE }, 'controlNets[0].preprocessor', /required/],
    [
      'an end before its start',
      { ...CANNY, ...POSE, startStep: 12 },
      'controlNets[0]',
      /startStep below endStep/,
    ],
    ['a weight of 11', { ...CANNY, ...POSE, weight: 11 }, 'controlNets[0].weight', /at most 10/],
    [
      'a file URL',
      { ...CANNY, imageUrl: 'file:///etc/passwd' },
      'controlNets[0].imageUrl',
      /http or https/,
    ],
    [
      'the address of a metadata service',
      { ...CANNY, imageUrl: 'http://169.254.169.254/latest' },
      'controlNets[0].imageUrl',
      /link-local/,
    ],
    [
      'localhost',
      { ...CANNY, imageUrl: 'http://localhost:5432/' },
      'controlNets[0].imageUrl',
      /loopback/,
    ],
    [
      'a name of a private address',
      { ...CANNY, imageUrl: 'http://inner.example/' },
      'controlNets[0].imageUrl',
      /private/,
    ],
    [
      'an unknown stored file',
      { ...CANNY, blobKey: 'NOBODY.png' },
      'controlNets[0].blobKey',
      /no stored file of yours/,
    ],
    [
      "another tenant's stored file",
      { ...CANNY, blobKey: 'BOB.png' },
      'controlNets[0].blobKey',
      /no stored file of yours/,
    ],
  ])('with %s are refused, naming the field', async (_what, controlNet, path, message) => {
    const api = createTestApi();
    api.blobs.set('BOB.png', blobRecord('BOB.png', 'bob'));
    const response = await post(api, controlNet);
    expect(response.status).toBe(400);
    const { errors } = (await response.json()) as { errors: Record<string, string[]> };
    expect(errors[path]?.join(), JSON.stringify(errors)).toMatch(message);
    expect(accepted(api)).toEqual([]);
  });

  it('of one bad job keep a whole batch from being accepted, and its index is named', async () => {
    const api = createTestApi();
    const response = await api.send('POST', JOBS, {
      jobs: [
        validJob(),
        validJob({ controlNets: [{ ...CANNY, ...POSE }] }),
        validJob({ controlNets: [{ ...CANNY, imageUrl: 'http://127.0.0.1/' }] }),
      ],
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      errors: { 'jobs[2].controlNets[0].imageUrl': [expect.stringMatching(/loopback/)] },
    });
    expect(accepted(api)).toEqual([]);
  });
});
