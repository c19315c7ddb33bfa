/** Matroska (RFC 9559) around JPEG pictures, one block a frame. */

const sizeOf = (length: number): Buffer => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(length) | (1n << 56n));
  return out;
};

/** An EBML element: id, size in eight bytes, body. */
const element = (id: string, ...parts: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(id, 'hex'), sizeOf(body.length), body]);
};

const uint = (id: string, value: number): Buffer => {
  const body = Buffer.alloc(6);
  body.writeUIntBE(value, 0, 6);
  return element(id, body);
};

const words = (id: string, text: string): Buffer => element(id, Buffer.from(text));

const CLUSTER_MS = 30_000;

/** A WebM-named Matroska file of JPEG frames: the container is real, the codec is Motion JPEG and not VP9. */
export const encodeMatroska = (
  jpegs: readonly Uint8Array[],
  size: { readonly width: number; readonly height: number },
  fps: number,
): Buffer => {
  const header = element(
    '1a45dfa3',
    ...[uint('4286', 1), uint('42f7', 1), uint('42f2', 4), uint('42f3', 8)],
    ...[words('4282', 'matroska'), uint('4287', 4), uint('4285', 2)],
  );
  const info = element('1549a966', uint('2ad7b1', 1_000_000), words('4d80', 'simulator'));
  const video = element('e0', uint('b0', size.width), uint('ba', size.height));
  const tracks = element(
    '1654ae6b',
    element(
      'ae',
      ...[uint('d7', 1), uint('73c5', 1), uint('83', 1), words('86', 'V_MJPEG')],
      ...[uint('23e383', Math.round(1e9 / fps)), video],
    ),
  );
  const clusters = new Map<number, Buffer[]>();
  for (const [index, jpeg] of jpegs.entries()) {
    const ms = Math.round((index * 1000) / fps);
    const start = Math.floor(ms / CLUSTER_MS) * CLUSTER_MS;
    const head = Buffer.from([0x81, 0, 0, 0x80]);
    head.writeInt16BE(ms - start, 1);
    const blocks = clusters.get(start) ?? [uint('e7', start)];
    blocks.push(element('a3', head, jpeg));
    clusters.set(start, blocks);
  }
  const parts = [...clusters.values()].map((blocks) => element('1f43b675', ...blocks));
  return Buffer.concat([header, element('18538067', info, tracks, ...parts)]);
};
