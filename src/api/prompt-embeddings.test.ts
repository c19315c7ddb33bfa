import { describe, expect, it } from 'vitest';
import type { Graph } from '../domain/graphs/graph.ts';
import {
  acceptedGeneration,
  airsOf,
  apiWith,
  filesOf,
  graphOf,
} from './request-graph.test-support.ts';
import { refused } from './refused.test-support.ts';
import { SD1, SD1_LORA, validJob } from './test-api.test-support.ts';

const files = filesOf(false);
const airs = airsOf('sd1');
const params = { width: 64, height: 64, steps: 1, cfgScale: 7, seed: 1 };

const textsOf = (graph: Graph): unknown[] =>
  Object.values(graph)
    .filter(({ class_type: name }) => name === 'CLIPTextEncode')
    .map(({ inputs }) => inputs['text']);

async function promptsOf(
  prompt: string,
  negativePrompt: string,
  further: object = {},
): Promise<unknown[]> {
  const api = apiWith({ ecosystem: 'sd1', files });
  const job = { model: airs.model, params: { ...params, prompt, negativePrompt }, ...further };
  return textsOf(graphOf(await acceptedGeneration(api, job), files));
}

const problemOf = (prompt: string, further: object = {}) =>
  refused(validJob({ model: SD1, params: { ...params, prompt }, ...further }));

describe('an embedding called by its AIR in a prompt', () => {
  it.each([
    ['embedding:urn:air:sd1:embedding:civitai:3@30001', 'embedding:./30001'],
    ['a fox, embedding:@civitai/30001, night', 'a fox, embedding:./30001 , night'],
    ['(embedding:AIR:SD1:Embedding:civitai:3@30001:1.2)', '( embedding:./30001:1.2)'],
  ])('%s is told to ComfyUI as its file', async (text, written) => {
    const [positive, negative] = (await promptsOf('a fox', text)).map(String);
    expect(positive).toBe('a fox');
    expect(negative?.replaceAll(/\s+,/g, ',')).toBe(written.replaceAll(/\s+,/g, ','));
  });

  it('may be called in both prompts, in several spellings, beside others', async () => {
    const [positive, negative] = await promptsOf(
      'embedding:@civitai/30001 and embedding:urn:air:sd1:embedding:civitai:3@30002',
      `embedding:${airs.embedding}`,
      { additionalNetworks: { [airs.lora]: {} } },
    );
    expect(positive).toMatch(/^embedding:\.\/30001 and embedding:\.\/30002$/);
    expect(negative).toBe('embedding:./30001');
  });

  it('is checked like any other model', async () => {
    const unknown = await problemOf('embedding:@civitai/999');
    expect(unknown).toMatchObject({ code: 'unknown_resource' });
    expect(Object.keys(unknown.errors ?? {})).toEqual(['params.prompt']);
    const lora = await problemOf(`embedding:${SD1_LORA}`);
    expect(lora.errors?.['params.prompt']?.join()).toContain('expected an embedding');
    const twice = 'urn:air:sd1:embedding:civitai:7808@9208';
    const repeated = await problemOf(`embedding:${twice}`, { additionalNetworks: { [twice]: {} } });
    expect(repeated.errors?.['params.prompt']?.join()).toContain('name it once');
    const broken = await problemOf('embedding:@civitai/a%2f..%2fb');
    expect(broken).toMatchObject({ code: 'invalid_air' });
  });

  it('is one of at most 50', async () => {
    const many = Array.from({ length: 51 }, (_, id) => `embedding:@civitai/${id}`).join(' ');
    expect((await problemOf(many)).errors?.['params.prompt']?.join()).toContain('at most 50');
  });
});
