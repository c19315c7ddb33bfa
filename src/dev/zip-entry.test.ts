import { deflateRawSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { readZipEntry } from './zip-entry.ts';

/** A zip archive by the layout of APPNOTE 4.3; method 8 is deflated, 0 stored. */
const makeZip = (files: readonly { name: string; data: Buffer; method: 0 | 8 }[]): Buffer => {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data, method } of files) {
    const body = method === 8 ? deflateRawSync(data) : data;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    // An extra field in one place only: the two headers may differ.
    local.writeUInt16LE(4, 28);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(body.length, 20);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    const whole = Buffer.concat([local, Buffer.from(name), Buffer.alloc(4), body]);
    locals.push(whole);
    directory.push(entry, Buffer.from(name));
    offset += whole.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, ...directory, end]);
};

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
