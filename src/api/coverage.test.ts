import { describe, expect, it } from 'vitest';
import { MAX_COVERAGE_MODELS } from '../contract/v1/coverage.ts';
import type { FleetServer } from '../domain/fleet.ts';
import { createTestApi, KEYS, SD1, SD1_LORA, SDXL, type TestApi } from './test-api.test-support.ts';

const FLUX = 'urn:air:flux1:checkpoint:civitai:618692@691639';
const SD1_FILE = 'sd1/civitai/4384/128713.safetensors';

const server = (id: string, change: Partial<FleetServer> = {}): FleetServer => ({
  ...{ id, pool: 'p', room: 2, reachable: true, draining: false, ecosystems: null },
  vramBytes: null,
  lists: {
    files: { checkpoints: [SD1_FILE], loras: ['add_detail_87153.safetensors'] },
    nodeClasses: new Set(),
  },
  ...change,
});

async function ask(
  api: TestApi,
  models: readonly string[],
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Record<string, unknown> }> {
  const query = new URLSearchParams(models.map((model): [string, string] => ['model', model]));
  const path = `/v1/consumer/coverage?${query.toString()}`;
  const response = await api.send('GET', path, undefined, headers);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function coverageOn(fleet: readonly FleetServer[], ...models: readonly string[]) {
  const api = createTestApi();
  api.fleet.push(...fleet);
  const { status, body } = await ask(api, models);
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
}

const available = (workers: number) => ({ availability: 'Available', workers });
const UNAVAILABLE = { availability: 'Unavailable', workers: 0 };
const UNSUPPORTED = { availability: 'Unsupported', workers: 0 };
const UNKNOWN = { availability: 'Unknown', workers: 0 };

describe('coverage', () => {
  it('counts the servers that list the file, under the string that was asked for', async () => {
    const fleet = [
      server('a'),
      server('b', { lists: { files: { checkpoints: [SD1_FILE] }, nodeClasses: new Set() } }),
    ];
    const spellings = [
      SD1,
      '@civitai/128713',
      'civitai:4384@128713',
      'SD1:Checkpoint:civitai:4384@128713',
    ];
    const body = await coverageOn(fleet, ...spellings, SD1_LORA, SDXL);
    expect(body).toEqual({
      ...Object.fromEntries(spellings.map((air) => [air, available(2)])),
      [SD1_LORA]: available(1),
      [SDXL]: UNAVAILABLE,
    });
    expect(Object.keys(body)).toEqual([...spellings, SD1_LORA, SDXL]);
  });

  it.each<[string, Partial<FleetServer>, boolean]>([
    ['one that answers', {}, true],
    ['one that does not answer', { reachable: false }, false],
    ['one that is being drained', { draining: true }, false],
    ['one that may serve another ecosystem only', { ecosystems: ['sdxl'] }, false],
    ['one that may serve this ecosystem', { ecosystems: ['sd1'] }, true],
    [
      'one without a node class that every picture needs',
      { lists: { files: { checkpoints: [SD1_FILE] }, nodeClasses: new Set(['SaveImage']) } },
      false,
    ],
  ])('counts as a worker %s: %s', async (_name, change, counts) => {
    expect(await coverageOn([server('a', change)], SD1)).toEqual({
      [SD1]: counts ? available(1) : UNAVAILABLE,
    });
  });

  it('looks at the memory and at the further files that a checkpoint needs', async () => {
    const api = createTestApi();
    api.fleet.push(
      server('small', { vramBytes: 4e9 }),
      server('parts', {
        lists: {
          files: { diffusion_models: ['flux1/civitai/618692/691639.safetensors'] },
          nodeClasses: new Set(),
        },
      }),
    );
    const resource = api.resources.get(`local ${SD1}`);
    if (resource)
      api.resources.set(`local ${SD1}`, { ...resource, details: { vramBytes: 8_000_000_000 } });
    expect((await ask(api, [SD1, FLUX])).body).toEqual({ [SD1]: UNAVAILABLE, [FLUX]: UNAVAILABLE });
  });

  it('says Unavailable while no server is known', async () => {
    expect(await coverageOn([], SD1)).toEqual({ [SD1]: UNAVAILABLE });
  });

  it('says Unsupported of a type or an ecosystem that no job here can use', async () => {
    const api = createTestApi();
    api.fleet.push(server('a'));
    const airs = [
      'urn:air:sd1:hypernet:civitai:1@2',
      'urn:air:wanvideo:checkpoint:civitai:3@4',
      'urn:air:kolors:lora:civitai:5@6',
    ];
    for (const air of airs)
      await api.send('POST', '/v2/resources', {
        ...{ air, modelName: 'x', type: air.split(':')[3] },
      });
    expect((await ask(api, airs)).body).toEqual(
      Object.fromEntries(airs.map((air) => [air, UNSUPPORTED])),
    );
  });

  it('says Unknown of what is not in the catalogue of the caller', async () => {
    const api = createTestApi({ AUTH: 'keys' });
    api.fleet.push(server('a'));
    api.resources.delete(`bob ${SD1}`);
    const as = async (key: string) =>
      (await ask(api, [SD1], { authorization: `Bearer ${key}` })).body;
    expect(await as(KEYS.alice)).toEqual({ [SD1]: available(1) });
    expect(await as(KEYS.bob)).toEqual({ [SD1]: UNKNOWN });
    expect(await coverageOn([server('a')], 'civitai:1@2')).toEqual({ 'civitai:1@2': UNKNOWN });
  });

  it('refuses what is no AIR or names no version, with its place', async () => {
    const { status, body } = await ask(createTestApi(), [SD1, 'dreamshaper', 'civitai:4384']);
    expect(status).toBe(400);
    expect(body).toMatchObject({
      code: 'invalid_air',
      errors: {
        'model[1]': [expect.stringContaining('"dreamshaper"')],
        'model[2]': [expect.stringContaining('names no version')],
      },
    });
  });

  it('needs one AIR and takes a limited number', async () => {
    const none = await createTestApi().send('GET', '/v1/consumer/coverage');
    expect(none.status).toBe(400);
    expect(await none.text()).toContain('model: is required');
    const airs = Array.from({ length: MAX_COVERAGE_MODELS }, (_, id) => `civitai:1@${id}`);
    expect((await ask(createTestApi(), airs)).status).toBe(200);
    const many = await ask(createTestApi(), [...airs, SD1]);
    expect(many).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(JSON.stringify(many.body)).toContain(`at most ${MAX_COVERAGE_MODELS} entries`);
  });
});
