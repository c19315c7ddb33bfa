import { mkdir, mkdtemp, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalStore } from './local.ts';
import { storageCases } from './storage-cases.test-support.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blobs-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('the local blob store', () => {
  storageCases(() => createLocalStore(join(folder, 'store')));

  it('says how much can still be written, also before its folder exists', async () => {
    expect(await createLocalStore(join(folder, 'new')).freeBytes()).toBeGreaterThan(0);
  });

  it('writes again after its folders were taken away, also when its path is relative', async () => {
    const path = join(folder, 'gone');
    const store = createLocalStore(`${relative(process.cwd(), path)}/`);
    for (const round of ['first', 'second']) {
      await store.put('outputs/ab/x', Buffer.from(round));
      expect(await readFile(join(path, 'outputs', 'ab', 'x'), 'utf8')).toBe(round);
      await rm(path, { recursive: true });
    }
  });

  it('leaves no temporary file behind, neither after success nor after failure', async () => {
    const store = createLocalStore(join(folder, 'clean'));
    await store.put('a', Buffer.from('x'));
    const broken = new Readable({ read: () => undefined });
    const put = store.put('b', broken);
    broken.destroy(new Error('broken'));
    await expect(put).rejects.toThrow('broken');
    expect(await readdir(join(folder, 'clean', '.unfinished'))).toEqual([]);
  });

  it('reports a full disk as storage_full with the next action', async () => {
    const store = createLocalStore(join(folder, 'full'));
    const source = new Readable({ read: () => undefined });
    const put = store.put('a', source);
    source.destroy(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }));
    await expect(put).rejects.toMatchObject({ code: 'storage_full', retryable: true });
    await expect(put).rejects.toThrow(/BLOB_RETENTION_DAYS/);
  });

  it('does not list unfinished files and removes those that a killed process left long ago', async () => {
    const left = join(folder, 'left', '.unfinished');
    await mkdir(left, { recursive: true });
    for (const name of ['old', 'new']) await writeFile(join(left, name), 'x');
    await utimes(join(left, 'old'), 1, 1);
    const store = createLocalStore(join(folder, 'left'));
    const listed = [];
    for await (const blob of store.list()) listed.push(blob);
    expect(listed).toEqual([]);
    await store.put('a', Buffer.from('x'));
    expect(await readdir(left)).toEqual(['new']);
  });
});
