import { inflateRawSync } from 'node:zlib';

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const END_LENGTH = 22;

const findDirectory = (zip: Buffer): { offset: number; count: number } => {
  // The end record is followed by a comment of at most 65,535 bytes.
  const lowest = Math.max(0, zip.length - END_LENGTH - 0xffff);
  for (let at = zip.length - END_LENGTH; at >= lowest; at -= 1) {
    if (zip.readUInt32LE(at) === END_OF_DIRECTORY)
      return { count: zip.readUInt16LE(at + 10), offset: zip.readUInt32LE(at + 16) };
  }
  throw new Error('not a zip archive: it has no end record');
};

/**
 * Bytes of one file in a zip archive (stored or deflated, no ZIP64), which is what Temporal publishes for Windows.
 * Layout: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT section 4.3. Throws if the file is absent.
 */
export const readZipEntry = (zip: Buffer, name: string): Buffer => {
  const directory = findDirectory(zip);
  let at = directory.offset;
  for (let index = 0; index < directory.count; index += 1) {
    if (zip.readUInt32LE(at) !== DIRECTORY_ENTRY) throw new Error('damaged zip directory');
    const method = zip.readUInt16LE(at + 10);
    const compressedBytes = zip.readUInt32LE(at + 20);
    const nameLength = zip.readUInt16LE(at + 28);
    const local = zip.readUInt32LE(at + 42);
    if (zip.toString('utf8', at + 46, at + 46 + nameLength) === name) {
      const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
      const data = zip.subarray(start, start + compressedBytes);
      if (method === 0) return data;
      if (method === 8) return inflateRawSync(data);
      throw new Error(`zip method ${method} of ${name} is not supported`);
    }
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  throw new Error(`the archive holds no ${name}`);
};
