import { describe, expect, it } from 'vitest';
import { createTestApi, SDXL } from './test-api.test-support.ts';

const PATH = '/v2/resources';
const NEW = { air: 'urn:air:sdxl:lora:civitai:11@22', modelName: 'Ink', type: 'lora' };

describe('/v2/resources', () => {
  it('lists pages with a total', async () => {
    const api = createTestApi();
    const page = (await (await api.send('GET', `${PATH}?limit=2&page=2`)).json()) as Record<
      string,
      unknown
    >;
    expect(page).toMatchObject({ page: 2, limit: 2, total: api.resources.size });
    expect(page['items']).toHaveLength(2);
    const found = await (await api.send('GET', `${PATH}?q=DreamShaper`)).json();
    expect((found as { items: { modelName: string }[] }).items[0]?.modelName).toBe('DreamShaper');
  });

  it('creates with 201 and answers 409 to a duplicate in any spelling', async () => {
    const api = createTestApi();
    const body = {
      ...NEW,
      description: 'd',
      nsfw: false,
      allowCommercialUse: 'Sell',
      tags: ['a'],
      fileName: 'styles/ink.safetensors',
    };
    const made = await api.send('POST', PATH, body);
    expect(made.status).toBe(201);
    expect(await made.json()).toMatchObject(body);
    const again = await api.send('POST', PATH, {
      ...NEW,
      air: NEW.air.replace('urn:air:sdxl:lora', 'URN:AIR:SDXL:LORA'),
    });
    expect(again.status).toBe(409);
  });

  it.each(
    ['SDXL', SDXL, encodeURIComponent(SDXL), '@civitai/128078', '%40civitai%2F128078'].slice(1),
  )('finds the resource at %s', async (id) => {
    const response = await createTestApi().send('GET', `${PATH}/${id}`);
    expect(await response.json()).toMatchObject({ air: SDXL });
  });

  it('replaces with PUT: what is left out is gone, and the answer can be sent back', async () => {
    const api = createTestApi();
    const put = await api.send('PUT', `${PATH}/${SDXL}`, {
      modelName: 'New',
      type: 'checkpoint',
      fileName: 'a.safetensors',
    });
    const body = (await put.json()) as Record<string, unknown>;
    expect(put.status).toBe(200);
    expect(body).toMatchObject({ air: SDXL, modelName: 'New', fileName: 'a.safetensors' });
    expect(body).not.toHaveProperty('description');
    expect((await api.send('PUT', `${PATH}/${SDXL}`, body)).status).toBe(200);
  });

  it('merges with PATCH, null removes', async () => {
    const api = createTestApi();
    const headers = { 'content-type': 'application/merge-patch+json' };
    await api.send('PATCH', `${PATH}/${SDXL}`, { fileName: 'x.safetensors', tags: ['t'] }, headers);
    const body = await (
      await api.send('PATCH', `${PATH}/${SDXL}`, { fileName: null, nsfw: true })
    ).json();
    expect(body).toMatchObject({ modelName: 'SD XL', tags: ['t'], nsfw: true });
    expect(body).not.toHaveProperty('fileName');
  });

  it('deletes with 204, then answers 404', async () => {
    const api = createTestApi();
    expect((await api.send('DELETE', `${PATH}/${SDXL}`)).status).toBe(204);
    expect((await api.send('DELETE', `${PATH}/${SDXL}`)).status).toBe(404);
    expect((await api.send('GET', `${PATH}/${SDXL}`)).status).toBe(404);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['an unknown field', { ...NEW, colour: 'red' }, 'colour'],
    ['no name', { ...NEW, modelName: undefined }, 'modelName'],
    ['a malformed AIR', { ...NEW, air: 'ink' }, 'air'],
    ['a short AIR', { ...NEW, air: '@civitai/22' }, 'air'],
    ['a type that is not the AIR’s', { ...NEW, type: 'checkpoint' }, 'type'],
    ['an odd licence', { ...NEW, allowCommercialUse: 'Maybe' }, 'allowCommercialUse'],
    ['a file name with a way out', { ...NEW, fileName: '../../etc/passwd' }, 'fileName'],
    ['an absolute file name', { ...NEW, fileName: '/etc/passwd' }, 'fileName'],
    ['a file name with a drive', { ...NEW, fileName: 'C:\\x' }, 'fileName'],
    ['a file name with a backslash way out', { ...NEW, fileName: 'a\\..\\b' }, 'fileName'],
  ])('answers 400 for %s', async (_name, body, path) => {
    const response = await createTestApi().send('POST', PATH, body);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { errors: object }).errors).toHaveProperty(path);
  });

  it('answers 400 for a malformed AIR in the path and 415 without JSON', async () => {
    const api = createTestApi();
    expect((await api.send('GET', `${PATH}/nonsense`)).status).toBe(400);
    expect((await api.send('GET', `${PATH}/..%2f..%2fetc`)).status).toBe(400);
    for (const [method, path] of [
      ['POST', PATH],
      ['PUT', `${PATH}/${SDXL}`],
      ['PATCH', `${PATH}/${SDXL}`],
    ] as const)
      expect((await api.send(method, path, 'x', { 'content-type': 'text/plain' })).status).toBe(
        415,
      );
  });

  it('refuses to change the AIR', async () => {
    const response = await createTestApi().send('PATCH', `${PATH}/${SDXL}`, { air: NEW.air });
    expect(response.status).toBe(400);
  });
});
