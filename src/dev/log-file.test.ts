import { appendFileSync, closeSync, writeSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { limitLogs, openLogFile, readLogTail } from './log-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'log-file-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('empties a log above the limit while it is written, keeping its last content aside', async () => {
  const path = join(folder, 'worker.log');
  const log = openLogFile(path);
  const limit = limitLogs(folder, 100);
  try {
    writeSync(log.fd, `${'a'.repeat(150)}\n`);
    appendFileSync(join(folder, 'small.log'), 'small\n');
    limit.sweep();
    writeSync(log.fd, 'after\n');
    expect(await readFile(path, 'utf8')).toBe('after\n');
    expect(await readFile(`${path}.1`, 'utf8')).toBe(`${'a'.repeat(150)}\n`);

    writeSync(log.fd, `${'b'.repeat(150)}\n`);
    limit.sweep();
    expect(await readFile(`${path}.1`, 'utf8')).toContain('b'.repeat(150));
    expect((await readdir(folder)).sort()).toEqual(['small.log', 'worker.log', 'worker.log.1']);
    expect(await readFile(join(folder, 'small.log'), 'utf8')).toBe('small\n');
  } finally {
    limit.close();
    closeSync(log.fd);
  }
});

it('reads only the last lines that were written since the log was opened', async () => {
  const path = join(folder, 'api.log');
  appendFileSync(path, 'earlier run\n');
  const { fd, offset } = openLogFile(path);
  writeSync(fd, 'one\ntwo\nthree\n');
  closeSync(fd);
  expect(await readLogTail(path, offset)).toBe('one\ntwo\nthree');
  expect(await readLogTail(path, offset, 2)).toBe('two\nthree');
  expect(await readLogTail(join(folder, 'none.log'), 0)).toBe('');
});
