/** https://github.com/huggingface/safetensors#format */

interface SavedTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** A file with these tensors of 32-bit floats, in their order. */
export function safetensorsFile(
  tensors: Readonly<Record<string, SavedTensor>>,
  metadata?: Readonly<Record<string, string>>,
): Buffer {
  const parts: Buffer[] = [];
  const header: Record<string, unknown> = metadata ? { __metadata__: metadata } : {};
  let at = 0;
  for (const [name, { shape, values }] of Object.entries(tensors)) {
    const bytes = Buffer.from(values.buffer);
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + bytes.length] };
    at += bytes.length;
    parts.push(bytes);
  }
  const text = JSON.stringify(header);
  const padded = text.padEnd(text.length + ((8 - (Buffer.byteLength(text) % 8)) % 8));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(Buffer.byteLength(padded)));
  return Buffer.concat([size, Buffer.from(padded), ...parts]);
}
