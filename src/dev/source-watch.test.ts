import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { isSource, watchSources, type SourceWatch } from './source-watch.ts';

let folder: string;
let watching: SourceWatch | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'source-watch-'));
});
afterEach(async () => {
  watching?.close();
  await rm(folder, { recursive: true, force: true });
});

it('knows which files the running program is made of', () => {
  for (const name of ['api/app.ts', 'skeleton.json', '0001_foundation.sql'])
    expect(isSource(name), name).toBe(true);
  for (const name of ['app.test.ts', 'jobs.test-support.ts', 'notes.md', 'app.ts.swp', 'app.ts~'])
    expect(isSource(name), name).toBe(false);
});

it('takes changes that belong together as one, and never runs twice at a time', async () => {
  let running = 0;
  let most = 0;
  let finish: () => void = () => undefined;
  const changed = vi.fn(async () => {
    most = Math.max(most, (running += 1));
    await new Promise<void>((resolve) => (finish = resolve));
    running -= 1;
  });
  watching = watchSources(folder, changed);
  for (const name of ['a.ts', 'b.ts', 'c.json']) await writeFile(join(folder, name), 'x');
  await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(1), 5_000);
  await writeFile(join(folder, 'a.ts'), 'y');
  finish();
  await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(2), 5_000);
  finish();
  expect(most).toBe(1);
});
