/** Whether a safetensors file is whole: https://github.com/huggingface/safetensors#format */

const LENGTH_BYTES = 8;
/** The format's own limit. */
const MOST_HEADER_BYTES = 100_000_000;

/** Reads a file as it passes and holds no more than its header. */
export function createSafetensorsLook(): { read(chunk: Buffer): void; isWhole(): boolean } {
  const chunks: Buffer[] = [];
  let held = 0;
  let bytes = 0;
  let wanted = LENGTH_BYTES;
  const take = (chunk: Buffer): void => {
    const part = chunk.subarray(0, wanted - held);
    if (part.length > 0) chunks.push(Buffer.from(part));
    held += part.length;
  };
  return {
    read(chunk) {
      bytes += chunk.length;
      const before = held;
      take(chunk);
      if (wanted !== LENGTH_BYTES || held < LENGTH_BYTES) return;
      const header = Buffer.concat(chunks).readBigUInt64LE();
      if (header === 0n || header > MOST_HEADER_BYTES) return;
      wanted = LENGTH_BYTES + Number(header);
      take(chunk.subarray(held - before));
    },
    isWhole: () =>
      held === wanted &&
      wanted > LENGTH_BYTES &&
      bytes === wanted + dataBytes(Buffer.concat(chunks).toString('utf8', LENGTH_BYTES)),
  };
}

/** Bytes behind the header; NaN for one that is none. */
function dataBytes(header: string): number {
  try {
    const tensors = Object.entries(JSON.parse(header) as Record<string, Tensor>);
    return Math.max(
      0,
      ...tensors.map(([name, { data_offsets: offsets }]) =>
        name === '__metadata__' ? 0 : (offsets?.[1] ?? NaN),
      ),
    );
  } catch {
    return NaN;
  }
}

interface Tensor {
  readonly data_offsets?: readonly number[];
}
