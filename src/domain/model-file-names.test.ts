/** Names as servers really list them: blanks, other scripts, sub-folders, Windows' backslashes, macOS' accents. */
import { describe, expect, it } from 'vitest';
import { parseAir } from './air.ts';
import { findModelFile } from './model-files.ts';

const air = parseAir('urn:air:sd1:lora:civitai:82098@87153');
const find = (loras: readonly string[], fileName?: string): string | undefined =>
  findModelFile({
    air,
    kind: 'lora',
    files: { loras },
    ...(fileName === undefined ? {} : { fileName }),
  })?.name;

const COMPOSED = 'Z\u00fcrich caf\u00e9.safetensors';
const DECOMPOSED = COMPOSED.normalize('NFD');

describe('a file name of the catalogue', () => {
  it.each([
    ['with blanks', 'my LoRA (v2) final.safetensors', 'my LoRA (v2) final.safetensors'],
    ['with blanks, in a folder on Windows', 'art styles/ink  wash.pt', 'Art Styles\\Ink  Wash.pt'],
    ['written with backslashes, on Linux', 'art\\deep\\ink.pt', 'art/deep/ink.pt'],
    ['in sub-folders', 'a/b/c/d.safetensors', 'a/b/c/d.safetensors'],
    ['with mixed separators', 'a/b\\c.safetensors', 'a\\b/c.safetensors'],
    ['without its folder', '水墨.safetensors', '风格/水墨.safetensors'],
    ['without its folder, on Windows', '水墨.safetensors', '风格\\水墨.safetensors'],
    ['in another script', 'стиль/тушь_Б.safetensors', 'Стиль/Тушь_б.safetensors'],
    ['right to left', 'ציור/דיו.safetensors', 'ציור\\דיו.safetensors'],
    ['with an emoji', '🦊 fox.safetensors', '🦊 fox.safetensors'],
    ['composed, listed decomposed as on macOS', COMPOSED, DECOMPOSED],
    ['decomposed, listed composed', DECOMPOSED, COMPOSED],
    ['with the marks of other systems', "a'b & c#1 %20+[x]{y}.pt", "a'b & c#1 %20+[x]{y}.pt"],
  ])('%s is found as listed', (_name, fileName, listed) => {
    expect(find(['other.safetensors', listed, 'zzz.pt'], fileName)).toBe(listed);
  });

  it('takes exactly the listed spelling when both are there', () => {
    expect(find([COMPOSED, DECOMPOSED], DECOMPOSED)).toBe(DECOMPOSED);
    expect(find(['a/b.pt', 'a\\b.pt'], 'a\\b.pt')).toBe('a\\b.pt');
  });

  it('does not take a longer or shorter name for it', () => {
    expect(find(['my LoRA.safetensors', 'my LoRA 2 .safetensors'], 'my LoRA 2.safetensors')).toBe(
      undefined,
    );
    expect(find(['x水墨.safetensors'], '水墨.safetensors')).toBeUndefined();
  });
});

describe('by convention', () => {
  it.each([
    'sd1\\civitai\\82098\\87153.safetensors',
    'SD1/Civitai/82098/87153.SAFETENSORS',
    'LoRAs von früher/Ahri (87153) final.safetensors',
    '角色\\阿狸 87153.safetensors',
    'דמויות/87153.pt',
  ])('finds %s', (listed) => {
    expect(find(['187153.pt', listed, 'a871530.pt'])).toBe(listed);
  });

  it('does not take digits inside a word of another script for the id', () => {
    expect(find(['阿狸87153版.safetensors'])).toBeUndefined();
  });
});
