import { createHash } from 'node:crypto';

/** Namespace of our prompt ids; a random UUID that must never change, because tries look their prompt up by it. */
const NAMESPACE = Buffer.from('6f1d6c0e8a0b4f0d9b4b0d0f7c2a51e3', 'hex');

/**
 * ComfyUI `prompt_id` of one attempt: the same three values always give the same UUID (version 5, canonical lower-case),
 * so a repeated submit finds what an earlier one had posted. https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-5
 */
export const promptIdFor = (jobId: string, runIndex: number, attempt: number): string => {
  const digest = createHash('sha1')
    .update(NAMESPACE)
    .update(`${jobId.toLowerCase()}/${runIndex}/${attempt}`)
    .digest()
    .subarray(0, 16);
  digest.writeUInt8((digest.readUInt8(6) & 0x0f) | 0x50, 6);
  digest.writeUInt8((digest.readUInt8(8) & 0x3f) | 0x80, 8);
  return digest.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
};
