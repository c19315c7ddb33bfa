import { Transform } from 'node:stream';
import { OrchestratorError } from '../errors.ts';

/** What the first and last bytes of a file say it is. */
export interface Inspection {
  readonly contentType: string;
  readonly width?: number;
  readonly height?: number;
}

const HEAD_BYTES = 32;
const TAIL_BYTES = 12;
const PNG_SIGNATURE = '89504e470d0a1a0a';
/** The IEND chunk: length 0, type, CRC. A PNG without it is cut off (https://www.w3.org/TR/png-3/#11IEND). */
const PNG_END = '0000000049454e44ae426082';

/** Passes bytes through and looks at both ends of them, so that a file is checked without being held in memory. */
export function createOutputInspector(): { stream: Transform; inspect(name: string): Inspection } {
  let head = Buffer.alloc(0);
  let tail = Buffer.alloc(0);
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (head.length < HEAD_BYTES) head = Buffer.concat([head, chunk]).subarray(0, HEAD_BYTES);
      tail = Buffer.concat([tail, chunk]).subarray(-TAIL_BYTES);
      done(null, chunk);
    },
  });
  return { stream, inspect: (name) => inspectEnds(name, head, tail) };
}

/** Throws `output_invalid` for an empty file, a cut-off PNG or JPEG, and anything that is no known output type. */
export function inspectEnds(name: string, head: Buffer, tail: Buffer): Inspection {
  const invalid = (why: string): OrchestratorError =>
    new OrchestratorError('output_invalid', `The output ${name} ${why}.`, { retryable: false });
  if (head.length === 0) throw invalid('is empty');
  const hex = head.toString('hex');
  if (hex.startsWith(PNG_SIGNATURE)) {
    if (tail.toString('hex') !== PNG_END) throw invalid('is a PNG that was cut off');
    return {
      contentType: 'image/png',
      width: head.readUInt32BE(16),
      height: head.readUInt32BE(20),
    };
  }
  if (hex.startsWith('ffd8ff')) {
    if (!tail.toString('hex').endsWith('ffd9')) throw invalid('is a JPEG that was cut off');
    return { contentType: 'image/jpeg' };
  }
  if (hex.startsWith('52494646') && hex.slice(16, 24) === '57454250')
    return { contentType: 'image/webp' };
  if (hex.startsWith('47494638')) return { contentType: 'image/gif' };
  throw invalid(`starts with ${hex.slice(0, 16)}, which is no image`);
}
