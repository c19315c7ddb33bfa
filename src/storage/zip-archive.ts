import { inflateRawSync } from 'node:zlib';

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const END_LENGTH = 22;

export interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly compressedBytes: number;
  /** Where its own header begins. */
  readonly local: number;
}

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
 * Files of an archive in the order of its directory (no ZIP64).
 * Layout: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT section 4.3. Throws for what is no archive.
 */
export function listZip(zip: Buffer): ZipEntry[] {
  const directory = findDirectory(zip);
  const entries: ZipEntry[] = [];
  let at = directory.offset;
  for (let index = 0; index < directory.count; index += 1) {
    if (zip.readUInt32LE(at) !== DIRECTORY_ENTRY) throw new Error('damaged zip directory');
    const nameLength = zip.readUInt16LE(at + 28);
    entries.push({
      name: zip.toString('utf8', at + 46, at + 46 + nameLength),
      method: zip.readUInt16LE(at + 10),
      compressedBytes: zip.readUInt32LE(at + 20),
      local: zip.readUInt32LE(at + 42),
    });
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return entries;
}

/** Bytes of one of its files, stored or deflated. Throws for any other method and for more than `maxBytes`. */
export function readZip(
  zip: Buffer,
  { name, method, compressedBytes, local }: ZipEntry,
  maxBytes?: number,
): Buffer {
  const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
  const data = zip.subarray(start, start + compressedBytes);
  if (method === 0 && data.length <= (maxBytes ?? data.length)) return data;
  if (method === 8)
    return inflateRawSync(data, maxBytes === undefined ? {} : { maxOutputLength: maxBytes });
  throw new Error(
    method === 0 ? `${name} is too large` : `zip method ${method} of ${name} is not supported`,
  );
}
