import { describe, expect, it } from 'vitest';
import type { JobStatusCollection } from '../contract/v1/job-status.ts';
import { resolveFiles } from '../ecosystems/resolve-files.ts';
import { JOBS, read } from './job-calls.test-support.ts';
import { acceptedGeneration, apiWith, filesOf } from './request-graph.test-support.ts';
import {
  createTestApi,
  SD1,
  SD1_LORA,
  SDXL,
  serverRecord,
  validJob,
} from './test-api.test-support.ts';

describe('files of models', () => {
  const listing = (files: Record<string, string[]>) => {
    const api = createTestApi();
    api.servers.push(serverRecord({ files }));
    return api;
  };

  it('accepts a model that a reachable server lists', async () => {
    const api = listing({ checkpoints: ['sdxl/civitai/101055/128078.safetensors'] });
    const { jobs } = await read<JobStatusCollection>(await api.send('POST', JOBS, validJob()));
    expect(jobs[0]?.serviceProviders).toMatchObject({ local: { support: 'Available' } });
    expect(jobs[0]?.lastEvent.context['waiting']).toContain('about to get a server');
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

  it('accepts while every server is unreachable', async () => {
    const api = createTestApi();
    api.servers.push(serverRecord({ reachable: false }));
    expect((await api.send('POST', JOBS, validJob())).status).toBe(202);
  });
});

describe('file names of a server', () => {
  it.each([
    ['blanks', 'my models/Dream Shaper 8.safetensors', 'my models/Dream Shaper 8.safetensors'],
    ['backslashes', 'sd15/дом/мечта.safetensors', 'SD15\\Дом\\мечта.safetensors'],
    ['decomposed accents', 'caf\u00e9.safetensors', 'cafe\u0301.safetensors'],
  ])('with %s reach the graph exactly as listed', async (_name, fileName, listed) => {
    const files = { ...filesOf(false), checkpoints: ['other.safetensors', listed] };
    const api = apiWith({ ecosystem: 'sd1', files });
    const air = 'urn:air:sd1:checkpoint:civitai:900001@1000001';
    const created = await api.send('POST', '/v2/resources', {
      air,
      modelName: 'x',
      type: 'checkpoint',
      fileName,
    });
    expect(created.status, await created.text()).toBe(201);
    const generation = await acceptedGeneration(api, validJob({ model: air }));
    const resolved = resolveFiles(generation, () => fileName, files).files;
    expect(resolved?.checkpoint.name).toBe(listed);
  });
});
