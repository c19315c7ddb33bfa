import { expect, it } from 'vitest';
import { makeZip } from '../../test/fixtures/make-zip.ts';
import { readZipEntry } from './zip-entry.ts';

it('reads a deflated and a stored file', () => {
  const data = Buffer.from('MZ program '.repeat(100));
  const zip = makeZip([
    { name: 'LICENSE', data: Buffer.from('MIT'), method: 0 },
    { name: 'temporal.exe', data, method: 8 },
  ]);
  expect(readZipEntry(zip, 'temporal.exe')).toEqual(data);
  expect(readZipEntry(zip, 'LICENSE').toString()).toBe('MIT');
});

it('refuses what is no archive and what does not hold the file', () => {
  expect(() => readZipEntry(Buffer.from('x'.repeat(40)), 'a')).toThrow('not a zip archive');
  expect(() => readZipEntry(Buffer.alloc(0), 'a')).toThrow('not a zip archive');
  expect(() => readZipEntry(makeZip([]), 'temporal.exe')).toThrow('holds no temporal.exe');
});
