import { crc32 } from 'node:zlib';

/** One chunk of a PNG: length, type, body, checksum. */
export const pngChunk = (type: string, body: Uint8Array): Buffer => {
  const out = Buffer.alloc(body.length + 12);
  out.writeUInt32BE(body.length, 0);
  out.write(type, 4, 'latin1');
  out.set(body, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + body.length)), 8 + body.length);
  return out;
};
