import { mkdtemp, rm, unlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSavedNumbers } from './saved-numbers.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'saved-numbers-'));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const put = async (file: string): Promise<void> => writeFile(join(folder, file), '');

describe('saved numbers', () => {
  it('are the highest of the name itself, with any ending', async () => {
    for (const file of [
      'a_00007_.png',
      'a_00009_.latent',
      'ab_00050_.png',
      'a_b_00003_.png',
      'a.png',
    ]) {
      await put(file);
    }
    const numbers = createSavedNumbers();
    const of = (name: string): Promise<number> => numbers.highest(folder, name);
    expect([await of('a'), await of('a_b'), await of('ab'), await of('b')]).toEqual([9, 3, 50, 0]);
    await put('x_12_00001_.png');
    expect([await of('x'), await of('x_12')]).toEqual([12, 1]);
  });

  it('count what this process wrote, and see what others write and delete', async () => {
    const numbers = createSavedNumbers();
    expect(await numbers.highest(folder, 'a')).toBe(0);
    await put('a_00001_.png');
    await numbers.wrote(folder, 'a', 1);
    expect(await numbers.highest(folder, 'a')).toBe(1);
    await put('a_00005_.png');
    // The clock of a file system may tick slowly; a person's does not.
    await utimes(folder, new Date(), new Date(Date.now() + 1_000));
    expect(await numbers.highest(folder, 'a')).toBe(5);
    await unlink(join(folder, 'a_00005_.png'));
    await utimes(folder, new Date(), new Date(Date.now() + 2_000));
    expect(await numbers.highest(folder, 'a')).toBe(1);
  });
});
