import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findPostgresBinaries, makeLibraryLinks } from './postgres-binaries.ts';

it('says what to do on a platform without binaries', async () => {
  await expect(findPostgresBinaries('freebsd', 'x64')).rejects.toThrow(
    /no embedded PostgreSQL for freebsd\/x64.*DATABASE_URL=postgres:/,
  );
});

it('says what to do when the package of this platform is not installed', async () => {
  const absent = process.platform === 'win32' ? ['linux', 'ppc64'] : ['win32', 'x64'];
  await expect(findPostgresBinaries(absent[0], absent[1])).rejects.toThrow(
    /is not installed.*npm ci.*DATABASE_URL=postgres:/,
  );
});

it('makes the library links that an install without scripts left out, and is content with present ones', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postgres-links-'));
  try {
    const root = join(folder, 'native');
    await mkdir(join(root, 'lib'), { recursive: true });
    await writeFile(join(root, 'lib', 'libpq.so.5.18'), 'library');
    const link = { source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so.5' };
    await writeFile(join(root, 'pg-symlinks.json'), JSON.stringify([link]));
    await makeLibraryLinks(root);
    await makeLibraryLinks(root);
    expect(await readFile(join(root, 'lib', 'libpq.so.5'), 'utf8')).toBe('library');
  } finally {
    await rm(folder, { recursive: true });
  }
});
