/** Prompts reach ComfyUI as they were sent, or are refused; nothing is rewritten but the trigger words of embeddings. */
import { describe, expect, it } from 'vitest';
import { refused, withParams } from './refused.test-support.ts';
import {
  acceptedGeneration,
  airsOf,
  apiWith,
  filesOf,
  graphOf,
} from './request-graph.test-support.ts';
import { validJob } from './test-api.test-support.ts';

const files = filesOf(false);

const PROMPTS = [
  '(word:1.2), ((much)), [less], (a:-0.5)',
  'embedding:easynegative and (embedding:sub/style.pt:0.8)',
  '((unbalanced (a:1.2',
  'a) b) c]',
  '\\(literal\\) \\\\ backslash',
  '<lora:x:1> BREAK AND | {a|b} __wildcard__ {{prompt}} %date%',
  '  blanks at both ends \t\n\r\n',
  'שלום עולם, גשר בלילה',
  'مدينة على البحر عند الغروب',
  'mixed \u202Eright-to-left\u202C and \u2066isolates\u2069',
  '夜の港、雨、ネオン',
  'e\u0301 and \u00e9 stay two spellings',
  '👩‍🚀🏳️‍🌈 family 👨‍👩‍👧',
  'Ünïcödé Ελλάδα Žluťoučký 한국어 ไทย हिन्दी',
  '"quotes" \'single\' `back` $HOME ${x} %s ../../etc/passwd',
  '',
];

describe.each(['sd1', 'sdxl', 'sd3', 'flux1'] as const)('prompts of %s', (ecosystem) => {
  it.each(PROMPTS)('%j reaches the text encoder as it is', async (prompt) => {
    const api = apiWith({ ecosystem, files });
    const params = { ...validJob().params, prompt, negativePrompt: prompt };
    const request = validJob({ model: airsOf(ecosystem).model, params });
    const graph = graphOf(await acceptedGeneration(api, request), files);
    expect(graph['positive']?.inputs['text']).toBe(prompt);
    // Flux does not look at one.
    expect(graph['negative']?.inputs['text']).toBe(ecosystem === 'flux1' ? '' : prompt);
  });
});

describe('prompts that name files', () => {
  it.each(['prompt', 'negativePrompt'])('are refused in %s', async (field) => {
    for (const name of ['../../x', '/etc/passwd', 'a/../../x', '..\\x', 'C:\\x']) {
      const problem = await refused(withParams({ [field]: `a fox, (embedding:${name}:1.1)` }));
      expect(problem).toMatchObject({ status: 400, code: 'invalid_request' });
      const message = problem.errors?.[`params.${field}`]?.join() ?? '';
      expect(message).toContain(JSON.stringify(name));
      expect(message).toContain("outside of the server's embeddings folder");
    }
  });

  it('are refused without a name, on which ComfyUI fails', async () => {
    const problem = await refused(withParams({ prompt: 'a fox, embedding:' }));
    expect(problem.errors?.['params.prompt']?.join()).toContain('without a name');
  });
});
