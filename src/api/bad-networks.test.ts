/** LoRAs, embeddings and VAEs that a job cannot use: each is refused with its path, the seen value and the next action. */
import { describe, expect, it } from 'vitest';
import type { JobStatus } from '../contract/v1/job-status.ts';
import { JOBS, read } from './job-calls.test-support.ts';
import type { RefusedProblem } from './refused.test-support.ts';
import { airsOf, apiWith, acceptedGeneration, filesOf } from './request-graph.test-support.ts';
import { validJob, type TestApi } from './test-api.test-support.ts';

const SD1 = airsOf('sd1');
const SDXL = airsOf('sdxl');
const files = filesOf(false);

const job = (additionalNetworks: Record<string, unknown>, change: Record<string, unknown> = {}) =>
  validJob({ model: SD1.model, additionalNetworks, ...change });

/** A server with every file, and a catalogue of sd1 and sdxl. */
function api(): TestApi {
  const made = apiWith({ ecosystem: 'sd1', files });
  for (const [key, resource] of apiWith({ ecosystem: 'sdxl', files }).resources)
    made.resources.set(key, resource);
  return made;
}

async function refusal(body: unknown, by = api()): Promise<RefusedProblem> {
  const response = await by.send('POST', JOBS, body);
  expect(response.status, await response.clone().text()).toBe(400);
  expect(by.orchestrator.rows.size).toBe(0);
  return (await response.json()) as RefusedProblem;
}

const networkPath = (air: string, field = ''): string =>
  `additionalNetworks[${JSON.stringify(air)}]${field}`;

describe('networks', () => {
  it.each<[string, unknown, string, string, string]>([
    [
      'a strength above the range',
      job({ [SD1.lora]: { strength: 10.5 } }),
      'invalid_request',
      networkPath(SD1.lora, '.strength'),
      'at most 10; seen 10.5',
    ],
    [
      'a strength below the range',
      job({ [SD1.lora]: { strength: -11 } }),
      'invalid_request',
      networkPath(SD1.lora, '.strength'),
      'at least -10; seen -11',
    ],
    [
      'a strength that is a text',
      job({ [SD1.lora]: { strength: '0.8' } }),
      'invalid_request',
      networkPath(SD1.lora, '.strength'),
      'expected a number; seen "0.8"',
    ],
    [
      '200 LoRAs',
      job(
        Object.fromEntries(
          Array.from({ length: 200 }, (_, index) => [`urn:air:sd1:lora:civitai:2@${index}`, {}]),
        ),
      ),
      'invalid_request',
      'additionalNetworks',
      'at most 50 networks, and these are 200',
    ],
    [
      'two VAEs',
      job({ [SD1.vae]: {}, [SD1.otherVae]: {} }),
      'invalid_request',
      networkPath(SD1.otherVae),
      'is a second VAE',
    ],
    [
      'an embedding of another ecosystem',
      job({ [SDXL.embedding]: {} }),
      'ecosystem_mismatch',
      networkPath(SDXL.embedding),
      'is for sdxl and does not fit the sd1 model',
    ],
    [
      'a VAE of another family',
      job({ [SD1.vae]: {} }, { model: SDXL.model }),
      'ecosystem_mismatch',
      networkPath(SD1.vae),
      'use one made for sdxl',
    ],
    [
      'a LoRA of another ecosystem under a guessed name',
      job({ 'urn:air:sd1:lora:civitai:2@20001': {} }, { model: SDXL.model }),
      'ecosystem_mismatch',
      networkPath('urn:air:sd1:lora:civitai:2@20001'),
      'use one made for sdxl',
    ],
  ])('refuses %s', async (_name, body, code, path, message) => {
    const problem = await refusal(body);
    expect(problem.code).toBe(code);
    expect(problem.errors?.[path]?.join(), JSON.stringify(problem.errors)).toContain(message);
    expect(problem.detail).toContain(path);
  });

  it.each<[string, unknown, string, string]>([
    [
      'the same LoRA in two spellings',
      job({ [SD1.lora]: { strength: 0.2 }, 'civitai:2@20001': { strength: 0.9 } }),
      networkPath('civitai:2@20001'),
      `is ${SD1.lora} again, as ${networkPath(SD1.lora)} is; name it once`,
    ],
    [
      'the same embedding by its short form',
      job({ '@civitai/30001': {}, [SD1.embedding]: {} }),
      networkPath(SD1.embedding),
      'name it once',
    ],
  ])('refuses %s', async (_name, body, path, message) => {
    // A short form is clear only where one entry has that version.
    const problem = await refusal(body, apiWith({ ecosystem: 'sd1', files }));
    expect(problem.code).toBe('invalid_request');
    expect(problem.errors?.[path]?.join()).toContain(message);
  });

  it('takes 50 LoRAs in their order', async () => {
    const made = api();
    const airs = Array.from(
      { length: 50 },
      (_, index) => `urn:air:sd1:lora:civitai:2@2${1000 + index}`,
    );
    const [lora] = [...made.resources.values()];
    for (const air of airs) if (lora) made.resources.set(`local ${air}`, { ...lora, air });
    made.servers.length = 0;
    const shuffled = [...airs.slice(17), ...airs.slice(0, 17)];
    const request = job(
      Object.fromEntries(shuffled.map((air, index) => [air, { strength: index / 50 }])),
    );
    const { networks } = await acceptedGeneration(made, request);
    expect(networks).toEqual(shuffled.map((air, index) => ({ air, strength: index / 50 })));
  });

  it('reads the last of two equal field names, as JSON readers do, and shows what it read', async () => {
    const made = api();
    const text = JSON.stringify(job({ [SD1.lora]: { strength: 0.2 } })).replace(
      `"additionalNetworks":{`,
      `"additionalNetworks":{"${SD1.lora}":{"strength":0.9},`,
    );
    const answer = await read<{ jobs: JobStatus[] }>(
      await made.send('POST', `${JOBS}?detailed=true`, text),
    );
    expect(answer.jobs[0]?.job?.['additionalNetworks']).toEqual({ [SD1.lora]: { strength: 0.2 } });
  });

  it('takes pony models and networks of sdxl together, which are one family', async () => {
    const made = api();
    for (const [key, resource] of apiWith({ ecosystem: 'pony', files }).resources)
      made.resources.set(key, resource);
    const { ecosystem } = await acceptedGeneration(
      made,
      job({ [SDXL.lora]: {}, [SDXL.vae]: {} }, { model: airsOf('pony').model }),
    );
    expect(ecosystem).toBe('sdxl');
  });
});

describe('files beside the named ones', () => {
  it('refuses a bare diffusion model whose text encoders are not on the server', async () => {
    const by = apiWith({
      ecosystem: 'sd3',
      files: { ...files, text_encoders: ['clip_l.safetensors'] },
    });
    const problem = await refusal(validJob({ model: airsOf('sd3').bareModel }), by);
    expect(problem.code).toBe('resource_unavailable');
    const message = problem.errors?.['model']?.join() ?? '';
    for (const part of ["on 'local'", 'clip_g.safetensors', 't5xxl', 'text_encoders or clip'])
      expect(message).toContain(part);
  });

  it('refuses an embedding whose file no prompt can name', async () => {
    const by = apiWith({ ecosystem: 'sd1', files: { ...files, embeddings: ['my face 30001'] } });
    const problem = await refusal(job({ [SD1.embedding]: {} }), by);
    expect(problem.code).toBe('resource_unavailable');
    expect(problem.errors?.[networkPath(SD1.embedding)]?.join()).toContain('Rename the file');
  });
});

describe('clip skip', () => {
  it.each([13, 24, 0, -2, 1.5])('refuses %d', async (clipSkip) => {
    const problem = await refusal(job({}, { params: { ...validJob().params, clipSkip } }));
    expect(problem.errors?.['params.clipSkip']?.join()).toContain(`seen ${clipSkip}`);
  });

  it('takes 12, the layers of the encoder', async () => {
    const request = job({}, { params: { ...validJob().params, clipSkip: 12 } });
    expect((await acceptedGeneration(api(), request)).clipSkip).toBe(12);
  });
});
