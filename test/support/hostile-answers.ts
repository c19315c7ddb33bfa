/** Answers that no ComfyUI gives. */
import type { IncomingMessage, ServerResponse } from 'node:http';

export type Answer = (incoming: IncomingMessage, response: ServerResponse) => void;

export const html: Answer = (_incoming, response) =>
  void response.setHeader('content-type', 'text/html').end('<html>\u0000 log in, please</html>');

export const text =
  (body: string): Answer =>
  (_incoming, response) =>
    void response.setHeader('content-type', 'application/json').end(body);

/** Goes on until the other side has had enough. */
export const endless =
  (start: string, more: string): Answer =>
  (_incoming, response) => {
    const piece = Buffer.from(more.repeat(Math.ceil(65_536 / more.length)));
    const feed = (): void => {
      while (!response.destroyed && response.write(piece));
    };
    response.on('drain', feed);
    response.write(start);
    feed();
  };

export const redirect =
  (location: string): Answer =>
  (_incoming, response) =>
    void response.writeHead(307, { location }).end();

export const bytes =
  (body: Buffer): Answer =>
  (_incoming, response) =>
    void response.setHeader('content-type', 'image/png').end(body);

/** A whole PNG by its ends, of that size by its header. */
export function pngHeader(width: number, height: number): Buffer {
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  );
  png.writeUInt32BE(width, 16);
  png.writeUInt32BE(height, 20);
  return png;
}

/** One WebSocket frame of a server: first byte as given, not masked. */
export function frame(first: number, payload: string | Buffer): Buffer {
  const body = Buffer.from(payload);
  const head = Buffer.alloc(10);
  head.writeUInt8(first, 0);
  head.writeUInt8(127, 1);
  head.writeBigUInt64BE(BigInt(body.length), 2);
  return Buffer.concat([head, body]);
}

const TEXT = 0x81;
const BINARY = 0x82;

/** What it is, the frame, and whether it ends the connection; none may do more than that. */
export const HOSTILE_FRAMES: readonly (readonly [string, Buffer, boolean])[] = [
  ['no JSON', frame(TEXT, '{"type": "progress", "da'), false],
  [
    'JSON of another shape',
    frame(TEXT, '{"type":"progress_state","data":{"prompt_id":[],"nodes":7}}'),
    false,
  ],
  ['JSON nested without end', frame(TEXT, '['.repeat(200_000)), false],
  [
    'a preview that is shorter than it says',
    frame(BINARY, Buffer.from('00000004ffffffff00', 'hex')),
    false,
  ],
  ['a preview without its parts', frame(BINARY, Buffer.from('00000004', 'hex')), false],
  ['half a UTF-8 character', frame(TEXT, Buffer.from([0xc3])), true],
  ['a reserved opcode', frame(0x83, 'x'), true],
  [
    'a petabyte announced',
    Buffer.concat([Buffer.from([BINARY, 127]), Buffer.from('0004000000000000', 'hex')]),
    true,
  ],
];
