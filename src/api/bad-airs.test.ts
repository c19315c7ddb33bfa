import { describe, expect, it } from 'vitest';
import { refused } from './refused.test-support.ts';
import { SD1, SD1_LORA, SDXL, validJob } from './test-api.test-support.ts';

describe('AIRs', () => {
  it.each<[string, unknown, string, string, string]>([
    ['malformed', validJob({ model: 'dreamshaper' }), 'invalid_air', 'model', 'dreamshaper'],
    [
      'with a way out of the folder',
      validJob({ model: 'urn:air:sd1:checkpoint:civitai:../etc@1' }),
      'invalid_air',
      'model',
      'not valid',
    ],
    ['without a version', validJob({ model: 'civitai:4384' }), 'invalid_air', 'model', 'version'],
    [
      'malformed as a network',
      validJob({ additionalNetworks: { nonsense: {} } }),
      'invalid_air',
      'additionalNetworks.nonsense',
      'not valid',
    ],
    [
      'not in the catalogue',
      validJob({ model: 'urn:air:sdxl:checkpoint:civitai:1@2' }),
      'unknown_resource',
      'model',
      'POST /v2/resources',
    ],
    [
      'a network not in the catalogue',
      validJob({ additionalNetworks: { 'civitai:1@2': {} } }),
      'unknown_resource',
      'additionalNetworks["civitai:1@2"]',
      'not in the catalogue',
    ],
    [
      'a LoRA as model',
      validJob({ model: SD1_LORA }),
      'invalid_request',
      'model',
      'expected a checkpoint',
    ],
    [
      'a checkpoint as network',
      validJob({ additionalNetworks: { [SD1]: {} } }),
      'invalid_request',
      `additionalNetworks["${SD1}"]`,
      'expected a lora',
    ],
    [
      'a LoRA of another ecosystem',
      validJob({ model: SDXL, additionalNetworks: { [SD1_LORA]: {} } }),
      'ecosystem_mismatch',
      `additionalNetworks["${SD1_LORA}"]`,
      'sdxl',
    ],
  ])('%s', async (_name, body, code, path, message) => {
    const problem = await refused(body);
    expect(problem).toMatchObject({ status: 400, code });
    expect(problem.errors?.[path]?.join(), JSON.stringify(problem.errors)).toContain(message);
  });
});
