import { Transform } from 'node:stream';
import { OrchestratorError } from '../errors.ts';
import { createJpegSize, type PictureSize } from './jpeg-size.ts';
import { mediaType } from './media-kinds.ts';
import { createSafetensorsLook } from './safetensors-look.ts';

/** What the first and last bytes of a file say it is. */
export interface Inspection {
  readonly contentType: string;
  readonly width?: number;
  readonly height?: number;
}

const HEAD_BYTES = 64;
const TAIL_BYTES = 12;
const PNG_HEADER_BYTES = 24;
const PNG_SIGNATURE = '89504e470d0a1a0a';
/** The IEND chunk: length 0, type, CRC. A PNG without it is cut off (https://www.w3.org/TR/png-3/#11IEND). */
const PNG_END = '0000000049454e44ae426082';
/** ComfyUI makes nothing larger than 16384 × 16384; a header that says more is there to fill a reader's memory. */
const MOST_PIXELS = 16_384 ** 2;

/**
 * Passes bytes through and looks at both ends of them, so that a file is checked without being held in memory or decoded.
 * The stream fails with `output_invalid` in the place of its end for an empty file, a cut-off PNG or JPEG, anything that
 * is no known output type, and more pixels than any server makes; and as soon as there are more than `maxBytes`.
 */
export function createOutputInspector(
  name: string,
  maxBytes: number,
): { stream: Transform; inspection(): Inspection } {
  const look = createLook(name);
  let bytes = 0;
  let found: Inspection | undefined;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > maxBytes) return done(invalid(name, `has more than ${maxBytes} bytes`));
      look.read(chunk);
      done(null, chunk);
    },
    flush(done) {
      const seen = look.verdict();
      if (typeof seen === 'string') return done(invalid(name, seen));
      found = seen;
      done();
    },
  });
  return {
    stream,
    inspection: () => {
      if (found) return found;
      throw new OrchestratorError('internal', 'The output was not read to its end.');
    },
  };
}

/** What a whole file is. Throws `output_invalid` as the inspector does. */
export function inspectFile(name: string, bytes: Buffer): Inspection {
  const look = createLook(name);
  look.read(bytes);
  const seen = look.verdict();
  if (typeof seen === 'string') throw invalid(name, seen);
  return seen;
}

const invalid = (name: string, why: string): OrchestratorError =>
  new OrchestratorError(
    'output_invalid',
    `The output ${JSON.stringify(name.slice(0, 100)).slice(1, -1)} ${why}.`,
  );

function createLook(name: string): { read(chunk: Buffer): void; verdict(): Inspection | string } {
  let head = Buffer.alloc(0);
  let tail = Buffer.alloc(0);
  const jpeg = createJpegSize();
  const tensors = name.toLowerCase().endsWith('.safetensors') ? createSafetensorsLook() : undefined;
  return {
    read(chunk) {
      tensors?.read(chunk);
      if (head.length < HEAD_BYTES) head = Buffer.concat([head, chunk]).subarray(0, HEAD_BYTES);
      tail = Buffer.concat([tail, chunk.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES);
      jpeg.read(chunk);
    },
    verdict: () =>
      tensors?.isWhole() === false
        ? 'is a safetensors file that was cut off'
        : inspectEnds(name, head, tail, jpeg.size()),
  };
}

/** What the file is, or what is wrong with it. */
function inspectEnds(
  name: string,
  head: Buffer,
  tail: Buffer,
  jpegSize: PictureSize | undefined,
): Inspection | string {
  if (head.length === 0) return 'is empty';
  const hex = head.toString('hex');
  if (hex.startsWith(PNG_SIGNATURE)) {
    if (tail.toString('hex') !== PNG_END || head.length < PNG_HEADER_BYTES)
      return 'is a PNG that was cut off';
    return sized('image/png', { width: head.readUInt32BE(16), height: head.readUInt32BE(20) });
  }
  if (hex.startsWith('ffd8ff')) {
    if (!tail.toString('hex').endsWith('ffd9')) return 'is a JPEG that was cut off';
    return jpegSize ? sized('image/jpeg', jpegSize) : 'is a JPEG without a size';
  }
  if (hex.startsWith('52494646') && hex.slice(16, 24) === '57454250')
    return sized('image/webp', webpSize(head));
  if (hex.startsWith('47494638') && head.length >= 10)
    return sized('image/gif', { width: head.readUInt16LE(6), height: head.readUInt16LE(8) });
  const contentType = mediaType(name, head);
  return contentType === undefined
    ? `starts with ${hex.slice(0, 16)}, which is no picture, video, sound or 3D model`
    : { contentType };
}

function sized(contentType: string, size: PictureSize | undefined): Inspection | string {
  if (!size) return `is a ${contentType} without a size`;
  const { width, height } = size;
  if (width > 0 && height > 0 && width * height <= MOST_PIXELS)
    return { contentType, width, height };
  return `says that it has ${width} × ${height} pixels; at most ${MOST_PIXELS} are taken`;
}

/** https://developers.google.com/speed/webp/docs/riff_container */
function webpSize(head: Buffer): PictureSize | undefined {
  if (head.length < 30) return undefined;
  switch (head.toString('latin1', 12, 16)) {
    case 'VP8 ':
      return { width: head.readUInt16LE(26) & 0x3fff, height: head.readUInt16LE(28) & 0x3fff };
    case 'VP8L': {
      const bits = head.readUInt32LE(21);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case 'VP8X':
      return { width: head.readUIntLE(24, 3) + 1, height: head.readUIntLE(27, 3) + 1 };
    default:
      return undefined;
  }
}
