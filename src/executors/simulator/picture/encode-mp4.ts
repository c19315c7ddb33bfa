/** MP4 (ISO/IEC 14496-12 and -14) around JPEG pictures, one sample a frame. */

const box = (type: string, ...parts: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8, 0);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
};

const u16 = (...values: readonly number[]): Buffer => {
  const out = Buffer.alloc(values.length * 2);
  values.forEach((value, index) => out.writeUInt16BE(value, index * 2));
  return out;
};

const u32 = (...values: readonly number[]): Buffer => {
  const out = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => out.writeUInt32BE(value >>> 0, index * 4));
  return out;
};

const MATRIX = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);

/** The sample description: MPEG-4 visual, object type 0x6C, which is JPEG. */
const sampleEntry = (width: number, height: number): Buffer => {
  const config = Buffer.from([0x04, 13, 0x6c, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  const sync = Buffer.from([0x06, 1, 2]);
  const descriptor = Buffer.concat([
    Buffer.from([0x03, 3 + config.length + sync.length, 0, 1, 0]),
    config,
    sync,
  ]);
  return box(
    'mp4v',
    ...[u32(0), u16(0, 1), u32(0, 0, 0, 0), u16(width, height)],
    ...[u32(0x480000, 0x480000, 0), u16(1), Buffer.alloc(32), u16(24, 0xffff)],
    box('esds', u32(0), descriptor),
  );
};

/** A video of JPEG frames. Browsers play no Motion JPEG in MP4; ffmpeg and VLC do. */
export const encodeMp4 = (
  jpegs: readonly Uint8Array[],
  size: { readonly width: number; readonly height: number },
  fps: number,
): Buffer => {
  const { width, height } = size;
  const timescale = Math.round(fps * 1000);
  const duration = jpegs.length * 1000;
  const start = box('ftyp', Buffer.from('isom'), u32(512), Buffer.from('isomiso2mp41'));
  const data = box('mdat', ...jpegs);
  const table = box(
    'stbl',
    box('stsd', u32(0, 1), sampleEntry(width, height)),
    box('stts', u32(0, 1, jpegs.length, 1000)),
    box('stsc', u32(0, 1, 1, jpegs.length, 1)),
    box('stsz', u32(0, 0, jpegs.length, ...jpegs.map((jpeg) => jpeg.length))),
    box('stco', u32(0, 1, start.length + 8)),
  );
  const media = box(
    'mdia',
    box('mdhd', u32(0, 0, 0, timescale, duration), u16(0x55c4, 0)),
    box('hdlr', u32(0, 0), Buffer.from('vide'), u32(0, 0, 0), Buffer.from('video\0')),
    box(
      'minf',
      box('vmhd', u32(1), u16(0, 0, 0, 0)),
      box('dinf', box('dref', u32(0, 1), box('url ', u32(1)))),
      table,
    ),
  );
  const track = box(
    'trak',
    box(
      'tkhd',
      ...[u32(3, 0, 0, 1, 0, duration, 0, 0), u16(0, 0, 0, 0), MATRIX],
      u32(width << 16, height << 16),
    ),
    media,
  );
  const movie = box(
    'mvhd',
    ...[u32(0, 0, 0, timescale, duration, 0x10000), u16(0x100, 0), u32(0, 0), MATRIX],
    u32(0, 0, 0, 0, 0, 0, 2),
  );
  return Buffer.concat([start, data, box('moov', movie, track)]);
};
