import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { tryLock, waitForLock } from './file-lock.ts';
import { identityOf } from './process-identity.ts';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'file-lock-'));
  path = join(folder, 'some.lock');
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

it('goes to one of many who ask at once', async () => {
  const attempts = await Promise.all(Array.from({ length: 20 }, () => tryLock(path)));
  expect(attempts.filter(({ held }) => held)).toHaveLength(1);
  expect(await readdir(folder)).toEqual(['some.lock']);
});

it('goes to one of many who find the lock of a dead process', async () => {
  const { pid } = spawnSync('true');
  await writeFile(path, JSON.stringify({ pid, startTime: 'another boot:1', token: 'dead' }));
  const attempts = await Promise.all(Array.from({ length: 20 }, () => tryLock(path)));
  expect(attempts.filter(({ held }) => held)).toHaveLength(1);
  expect(await readdir(folder)).toEqual(['some.lock']);
});

it.runIf(process.platform !== 'win32')('is not held by a stranger with the old pid', async () => {
  await writeFile(path, JSON.stringify({ pid: process.ppid, startTime: 'x:1', token: 'dead' }));
  expect((await tryLock(path)).held).toBe(true);
});

it('takes over a lock file that nobody can read', async () => {
  await writeFile(path, '{"pid":');
  expect((await tryLock(path)).held).toBe(true);
});

it('names the holder and can be waited for', async () => {
  const first = await tryLock(path);
  if (!first.held) throw new Error('expected the lock');
  expect(await tryLock(path)).toMatchObject({ held: false, holder: identityOf(process.pid) });
  let waits = 0;
  const second = waitForLock(path, {
    signal: new AbortController().signal,
    onWait: () => {
      waits += 1;
      if (waits === 1) void first.lock.release();
    },
  });
  await (await second).release();
  expect(waits).toBeGreaterThan(0);
  expect(await readdir(folder)).toEqual([]);
});

it('gives up waiting when it is aborted', async () => {
  await tryLock(path);
  const controller = new AbortController();
  const waiting = waitForLock(path, {
    signal: controller.signal,
    onWait: () => {
      controller.abort(new Error('enough'));
    },
  });
  await expect(waiting).rejects.toThrow();
});
