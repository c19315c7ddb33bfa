import { describe, expect, it } from 'vitest';
import { parseAir } from './air.ts';
import { matchingResources } from './resource-match.ts';

const SD1 = 'urn:air:sd1:checkpoint:civitai:4384@128713';
const FILE_55 = `${SD1}+55.safetensors`;
const FILE_56 = `${SD1}+56`;
const OTHER = 'urn:air:sdxl:checkpoint:civitai:101055@128078';
const HF = 'urn:air:sdxl:lora:huggingface:a/x@main';
const HF_VAE = 'urn:air:sdxl:vae:huggingface:b/y@main';

const all = (rule: 'lenient' | 'strict', text: string, ...entries: readonly string[]) =>
  matchingResources(
    parseAir(text),
    entries.map((air) => ({ air })),
    rule,
  ).map(({ air }) => air);

/** The one that is meant. */
const find = (...args: Parameters<typeof all>): string | undefined => {
  const found = all(...args);
  return found.length === 1 ? found[0] : undefined;
};

describe('the entry that an AIR means', () => {
  it.each([
    [SD1, SD1],
    ['SD1:Checkpoint:Civitai:4384@128713', SD1],
    ['civitai:4384@128713', SD1],
    ['@civitai/128713', SD1],
    ['sd1:civitai:4384@128713', SD1],
    // The format behind a version, as older documents write it.
    [`${SD1}.safetensors`, SD1],
    ['@civitai/128713.safetensor', SD1],
    // A file id that no entry has means the file of the version.
    [`${SD1}+55`, SD1],
    ['@civitai/128713+55.safetensors', SD1],
    ['civitai:4385@128713', undefined],
    ['civitai:4384@128714', undefined],
    ['civitai:4384', undefined],
    ['huggingface:4384@128713', undefined],
    ['@civitai/128713.safetensors/x', undefined],
  ])('%s means %s', (text, entry) => {
    expect(find('lenient', text, SD1, OTHER)).toBe(entry);
    expect(find('strict', text, SD1, OTHER)).toBe(entry);
  });

  it('may differ in ecosystem and type where a job names it, and not where an entry is changed', () => {
    for (const guess of [
      'urn:air:pony:checkpoint:civitai:4384@128713',
      'urn:air:sd1:model:civitai:4384@128713',
    ]) {
      expect(find('lenient', guess, SD1, OTHER)).toBe(SD1);
      expect(find('strict', guess, SD1, OTHER)).toBeUndefined();
    }
  });

  it('is told apart by file id', () => {
    const entries = [FILE_55, FILE_56];
    for (const [text, entry] of [
      [`${SD1}+55`, FILE_55],
      ['civitai:4384@128713+56.safetensors', FILE_56],
      ['@civitai/128713+56', FILE_56],
      [`${SD1}+57`, undefined],
      [SD1, undefined],
    ] as const) {
      expect(find('lenient', text, ...entries), text).toBe(entry);
      expect(find('strict', text, ...entries), text).toBe(entry);
    }
    expect(find('lenient', SD1, FILE_55, FILE_56, SD1)).toBe(SD1);
    expect(find('lenient', '@civitai/128713', FILE_55, SD1)).toBe(SD1);
    expect(find('lenient', 'civitai:4384@128713', FILE_55)).toBe(FILE_55);
  });

  it('is ambiguous when several fit, unless ecosystem or type decide', () => {
    for (const rule of ['lenient', 'strict'] as const)
      expect(all(rule, '@huggingface/main', HF, HF_VAE, SD1)).toEqual([HF, HF_VAE]);
    expect(find('lenient', 'huggingface:b/y@main', HF, HF_VAE)).toBe(HF_VAE);
    const twice = [SD1, SD1.replace('sd1:checkpoint', 'sd1:lora')];
    expect(find('lenient', 'sd1:lora:civitai:4384@128713', ...twice)).toBe(twice[1]);
    expect(all('lenient', 'civitai:4384@128713', ...twice)).toEqual(twice);
    // Of a guess that fits neither, every file of the version may be meant, and none is changed.
    expect(all('lenient', 'sd1:vae:civitai:4384@128713', ...twice)).toEqual(twice);
    expect(all('strict', 'sd1:vae:civitai:4384@128713', ...twice)).toEqual([]);
  });
});
