import { describe, expect, it } from 'vitest';
import { refused, withParams } from './refused.test-support.ts';
import { createTestApi, SD1, SD1_LORA, validJob } from './test-api.test-support.ts';

const JOBS = '/v1/consumer/jobs';

describe('a wrong field is named with its path, the seen value and what is expected', () => {
  it.each<[string, unknown, string, string]>([
    ['steps beyond the range', withParams({ steps: 151 }), 'params.steps', 'at most 150; seen 151'],
    ['steps of zero', withParams({ steps: 0 }), 'params.steps', 'at least 1; seen 0'],
    ['a fraction of a step', withParams({ steps: 2.5 }), 'params.steps', 'whole number; seen 2.5'],
    ['a text for a number', withParams({ steps: '20' }), 'params.steps', 'seen "20"'],
    ['cfgScale beyond the range', withParams({ cfgScale: 31 }), 'params.cfgScale', 'at most 30'],
    ['a width below the range', withParams({ width: 56 }), 'params.width', 'at least 64'],
    ['a width above the range', withParams({ width: 2056 }), 'params.width', 'at most 2048'],
    [
      'a width that ComfyUI cannot draw',
      withParams({ width: 513 }),
      'params.width',
      '512 or 520; seen 513',
    ],
    ['no height', withParams({ height: undefined }), 'params.height', 'is required'],
    ['no prompt', withParams({ prompt: undefined }), 'params.prompt', 'is required'],
    [
      'a prompt beyond 10,000 characters',
      withParams({ prompt: 'x'.repeat(10_001) }),
      'params.prompt',
      'at most 10000 characters',
    ],
    ['a seed beyond 32 bits', withParams({ seed: 2 ** 32 }), 'params.seed', 'at most 4294967295'],
    ['a seed below -1', withParams({ seed: -2 }), 'params.seed', 'at least -1'],
    ['a clipSkip beyond the layers', withParams({ clipSkip: 13 }), 'params.clipSkip', 'at most 12'],
    ['an unknown scheduler', withParams({ scheduler: 'HeunC' }), 'params.scheduler', 'EulerA'],
    ['no params', validJob({ params: undefined }), 'params', 'is required'],
    ['params that are a list', validJob({ params: [] }), 'params', 'expected an object'],
    ['no model', validJob({ model: undefined }), 'model', 'is required'],
    ['a quantity beyond 100', validJob({ quantity: 101 }), 'quantity', 'at most 100'],
    [
      'ControlNets',
      validJob({ controlNets: [{ preprocessor: 'Canny' }] }),
      'controlNets[0]',
      'either imageUrl or blobKey',
    ],
    ['dependencies', validJob({ dependencies: ['x'] }), 'dependencies[0]', 'or a job id; seen "x"'],
    [
      'a callback that is no URL',
      validJob({ callbackUrl: 'ftp://x' }),
      'callbackUrl',
      'http or https',
    ],
    ['an odd priority', validJob({ priority: 'urgent' }), 'priority', 'High, Normal'],
    [
      'an expiry in the past',
      validJob({ expireAt: '2020-01-01T00:00:00Z' }),
      'expireAt',
      'within the next 30 days',
    ],
    ['an expiry that is no time', validJob({ expireAt: 'soon' }), 'expireAt', 'ISO 8601'],
    [
      'a strength out of range',
      validJob({ model: SD1, additionalNetworks: { [SD1_LORA]: { strength: 99 } } }),
      `additionalNetworks["${SD1_LORA}"].strength`,
      'at most 10',
    ],
    ['an empty list of jobs', { jobs: [] }, 'jobs', '1 to 1000 jobs'],
    ['jobs that are no list', { jobs: 'all' }, 'jobs', 'seen "all"'],
    [
      'a job in a list that is no object',
      { jobs: [validJob(), 7] },
      'jobs[1]',
      'expected an object; seen 7',
    ],
    [
      'a wrong field in the second job',
      { jobs: [validJob(), withParams({ steps: 0 })] },
      'jobs[1].params.steps',
      'at least 1',
    ],
    ['an empty object', {}, '$type', 'textToImage'],
  ])('%s', async (_name, body, path, message) => {
    const problem = await refused(body);
    expect(problem.status).toBe(400);
    expect(problem.code).toBe('invalid_request');
    expect(problem.errors?.[path]?.join(), JSON.stringify(problem.errors)).toContain(message);
    expect(problem.detail).toContain(path);
  });

  it('reports every wrong field of every job at once', async () => {
    const problem = await refused({
      jobs: [withParams({ steps: 0, width: 1 }), validJob({ quantity: 'six', model: 'x' })],
    });
    expect(Object.keys(problem.errors ?? {})).toEqual(
      expect.arrayContaining([
        'jobs[0].params.steps',
        'jobs[0].params.width',
        'jobs[1].quantity',
        'jobs[1].model',
      ]),
    );
  });

  it('cuts long values', async () => {
    const problem = await refused(validJob({ quantity: 'y'.repeat(50_000) }));
    expect(JSON.stringify(problem).length).toBeLessThan(1_500);
  });
});

describe('bodies', () => {
  it.each<[string, string, number, string, string]>([
    ['broken JSON', '{"model": }', 400, 'malformed_json', 'line 1, column 11 (position 10)'],
    ['JSON that ends too early', '{"model":\n "x"', 400, 'malformed_json', 'line 2, column 5'],
    ['NaN', '{"params":{"steps":NaN}}', 400, 'malformed_json', 'unexpected "NaN'],
    ['Infinity', '[Infinity]', 400, 'malformed_json', 'position 1'],
    ['nothing', '', 400, 'malformed_json', 'empty'],
    ['a bare text', '"hello"', 400, 'invalid_request', 'JSON object'],
    ['a list', '[]', 400, 'invalid_request', 'JSON object'],
    ['null', 'null', 400, 'invalid_request', 'JSON object'],
    [
      'a number too large for JSON readers',
      JSON.stringify(withParams({ steps: 0 })).replace('"steps":0', '"steps":1e999'),
      400,
      'invalid_request',
      'params.steps',
    ],
    [
      'a control character',
      JSON.stringify(withParams({ prompt: 'a\u0000b' })),
      400,
      'invalid_request',
      'U+0000',
    ],
    [
      'a lone surrogate',
      JSON.stringify(withParams({ prompt: 'a' })).replace('"a"', '"\\ud800"'),
      400,
      'invalid_request',
      'surrogate',
    ],
    [
      'a control character in a field name',
      '{"properties":{"a\\u0007":1}}',
      400,
      'invalid_request',
      'U+0007',
    ],
    [
      'nesting without end',
      '['.repeat(40_000) + ']'.repeat(40_000),
      400,
      'invalid_request',
      'deeper than 64',
    ],
    [
      'a prompt of a megabyte',
      JSON.stringify(withParams({ prompt: 'x'.repeat(1_000_000) })),
      413,
      'payload_too_large',
      'MAX_BODY_BYTES',
    ],
  ])('%s', async (_name, text, status, code, message) => {
    const problem = await refused(text);
    expect(problem).toMatchObject({ status, code });
    expect(problem.detail).toContain(message);
  });

  it.each([
    ['missing', ''],
    ['wrong', 'text/plain'],
    ['a form', 'application/x-www-form-urlencoded'],
    ['in another charset', 'application/json; charset=utf-16'],
    ['sent twice', 'application/json, application/json'],
  ])('answers 415 when the content type is %s', async (_name, type) => {
    const problem = await refused(validJob(), { 'content-type': type });
    expect(problem).toMatchObject({ status: 415, code: 'unsupported_media_type' });
  });

  it('answers 415 to a compressed body', async () => {
    const problem = await refused(validJob(), { 'content-encoding': 'gzip' });
    expect(problem).toMatchObject({ status: 415, code: 'unsupported_media_type' });
  });

  it('accepts line breaks, tabs, emoji and a charset', async () => {
    const response = await createTestApi().send(
      'POST',
      JOBS,
      withParams({ prompt: 'a\r\n\tb 🦊' }),
      {
        'content-type': 'Application/JSON; charset="UTF-8"',
      },
    );
    expect(response.status).toBe(202);
  });

  it('answers 400 for bytes that are no UTF-8', async () => {
    const api = createTestApi();
    const response = await api.app.request(JOBS, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new Uint8Array([0x22, 0xff, 0x22]),
    });
    expect(await response.json()).toMatchObject({ status: 400, code: 'malformed_json' });
  });
});

describe('job types', () => {
  it.each(['audioCaptioning', 'toString', 7])(
    'refuses %s and lists what is supported',
    async (type) => {
      const problem = await refused({ $type: type, params: {} });
      expect(problem).toMatchObject({ status: 400, code: 'unsupported_job_type' });
      expect(problem.detail).toContain('"textToImage"');
    },
  );
});

describe('query parameters', () => {
  it.each([
    '/v2/resources?page=0',
    '/v2/resources?page=-1',
    '/v2/resources?page=1e3',
    '/v2/resources?page=99999999999',
    '/v2/resources?limit=0',
    '/v2/resources?limit=201',
    '/v2/resources?limit=ten',
    '/v2/resources?q=%00',
    '/v1/consumer/jobs?token=abc&wait=10',
  ])('answers 400 for %s', async (path) => {
    const response = await createTestApi().send('GET', path);
    expect(response.status).toBe(400);
    expect(await response.json()).toHaveProperty('errors');
  });
});
