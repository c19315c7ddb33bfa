import { readFileSync } from 'node:fs';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { createTestApi, fleetServerOf, SD1, serverRecord } from './test-api.test-support.ts';

const FLUX_LORA = {
  air: 'urn:air:flux1:lora:civitai:1@2+3.safetensors',
  modelName: 'Ink',
  type: 'lora',
  versionName: 'v1',
  size: 306_429_952,
  hashes: { AutoV2: '89D939E4D4', SHA256: '89D939E4D444' },
  downloadUrls: ['https://example.com/models/2'],
  publishedAt: '2024-10-09T11:54:46.826Z',
};

const DOCUMENT = new URL('../../test/fixtures/civitai-v2-resource-info.json', import.meta.url);

/** The schema of the answer in Civitai's own OpenAPI document of v2. */
function documentedSchema() {
  const ajv = new Ajv.default({ allErrors: true, strict: false });
  addFormats.default(ajv);
  for (const format of ['int32', 'int64', 'double']) ajv.addFormat(format, true);
  const document = JSON.parse(readFileSync(DOCUMENT, 'utf8')) as { schemas: object };
  ajv.addSchema({ $id: 'civitai-v2', ...document });
  const validate = ajv.getSchema('civitai-v2#/schemas/ResourceInfo');
  if (!validate) throw new Error('the schema is missing');
  return validate;
}
const validate = documentedSchema();

/** Where an answer is not what the document says, as `path: keyword property`. */
const differences = (answer: unknown): string[] => {
  if (validate(answer) === true) return [];
  return (validate.errors ?? []).map(({ instancePath, keyword, params }) =>
    [`${instancePath}:`, keyword, ...Object.values(params as object)].join(' '),
  );
};

/** The document forgets it; the live service answers it. */
const UNDOCUMENTED = [': additionalProperties modelName'];

async function info(api: ReturnType<typeof createTestApi>, air: string) {
  const response = await api.send('GET', `/v2/resources/${air}?shape=ResourceInfo`);
  expect(response.status, await response.clone().text()).toBe(200);
  const answer = (await response.json()) as Record<string, unknown>;
  expect(differences(answer), JSON.stringify(answer)).toEqual(UNDOCUMENTED);
  return answer;
}

describe('a resource in the shape of Civitai', () => {
  it('is held to the schema of the document, which refuses what it does not say', async () => {
    const answer = await info(createTestApi(), SD1);
    const { canGenerate: _left, ...rest } = answer;
    expect(
      differences({
        ...rest,
        size: '7',
        fileFormat: 'gguf',
        downloadUrls: ['no url'],
        publishedAt: 'yesterday',
        availability: { status: 'available' },
        own: 1,
      }).map((one) => one.split(' ', 2).join(' ')),
    ).toEqual(
      expect.arrayContaining([
        ': required',
        ': additionalProperties',
        '/size: type',
        '/fileFormat: enum',
        '/downloadUrls/0: format',
        '/publishedAt: format',
        '/availability: oneOf',
      ]),
    );
  });

  it('has what the catalogue was told', async () => {
    const api = createTestApi();
    expect((await api.send('POST', '/v2/resources', FLUX_LORA)).status).toBe(201);
    const { type: _type, ...told } = FLUX_LORA;
    expect(await info(api, '@civitai/2+3')).toEqual({
      ...told,
      resourceName: 'Ink',
      checkPermission: false,
      canGenerate: true,
      fileFormat: 'safeTensor',
      hasMatureContentRestriction: false,
      hasNSFWContentRestriction: false,
      availability: { status: 'unavailable' },
    });
  });

  it('says which servers have it, and 0 or nothing of what is not known', async () => {
    const api = createTestApi();
    const files = { checkpoints: ['sd1/civitai/4384/128713.safetensors'] };
    api.fleet.push(fleetServerOf(serverRecord({ files })));
    expect(await info(api, 'civitai:4384@128713')).toMatchObject({
      air: SD1,
      size: 0,
      hashes: {},
      downloadUrls: [],
      fileFormat: 'unknown',
      availability: { status: 'available', workers: 1 },
    });
  });

  it.each([
    ['a.ckpt', 'pickleTensor'],
    ['sub/a.SafeTensors', 'safeTensor'],
    ['a.onnx', 'onnx'],
    ['a.gguf', 'unknown'],
    ['constructor', 'unknown'],
  ])('tells the format of %s: %s', async (fileName, fileFormat) => {
    const api = createTestApi();
    await api.send('PATCH', `/v2/resources/${SD1}`, { fileName });
    expect(await info(api, SD1)).toMatchObject({ fileFormat });
  });

  it('says when no job here can use it', async () => {
    const api = createTestApi();
    const air = 'urn:air:sd1:hypernet:civitai:1@2';
    await api.send('POST', '/v2/resources', { air, modelName: 'x', type: 'hypernet' });
    expect(await info(api, air)).toMatchObject({
      canGenerate: false,
      availability: { status: 'unsupported' },
    });
  });

  it('is asked for by name, and the entry is found as a job would find it', async () => {
    const api = createTestApi();
    const guess = 'urn:air:pony:model:civitai:4384@128713';
    for (const query of ['', '?shape=Resource'])
      expect(await (await api.send('GET', `/v2/resources/${guess}${query}`)).json()).toMatchObject({
        ...{ air: SD1, createdAt: '1970-01-01T00:00:00.000Z' },
      });
    expect((await api.send('DELETE', `/v2/resources/${guess}`)).status).toBe(404);
    expect((await api.send('DELETE', '/v2/resources/civitai:4384@128713')).status).toBe(204);
    expect((await api.send('GET', `/v2/resources/${SD1}?shape=civitai`)).status).toBe(400);
  });

  it.each<[string, unknown]>([
    ['size', -1],
    ['hashes', { 'no name': 'x' }],
    ['hashes', { SHA256: 'a b' }],
    ['downloadUrls', ['file:///etc/passwd']],
    ['publishedAt', 'yesterday'],
  ])('refuses %s: %j', async (field, value) => {
    const response = await createTestApi().send('POST', '/v2/resources', {
      ...FLUX_LORA,
      [field]: value,
    });
    expect(response.status).toBe(400);
    expect(Object.keys(((await response.json()) as { errors: object }).errors).join()).toContain(
      field,
    );
  });
});
